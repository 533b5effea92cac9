package hub

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// defaultGroup is the consumer group every hub has.
const defaultGroup = "$Default"

// consumerGroups are the names under which the log may be read. Case does not
// matter.
type consumerGroups struct {
	mu    sync.Mutex
	names []string
}

func newConsumerGroups(names []string) (*consumerGroups, error) {
	g := &consumerGroups{names: []string{defaultGroup}}
	for _, name := range names {
		if err := g.add(name); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *consumerGroups) add(name string) error {
	if strings.EqualFold(name, defaultGroup) {
		return nil
	}
	if err := checkGroup(name); err != nil {
		return err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.hasLocked(name) {
		g.names = append(g.names, name)
	}
	return nil
}

func (g *consumerGroups) has(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.hasLocked(name)
}

func (g *consumerGroups) hasLocked(name string) bool {
	return slices.ContainsFunc(g.names, func(known string) bool { return strings.EqualFold(known, name) })
}

// checkGroup holds the cloud's rule for names.
func checkGroup(name string) error {
	alphanumeric := func(c byte) bool {
		return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	good := len(name) >= 1 && len(name) <= 50 && alphanumeric(name[0]) && alphanumeric(name[len(name)-1])
	for i := 0; good && i < len(name); i++ {
		good = alphanumeric(name[i]) || strings.IndexByte("._-", name[i]) >= 0
	}
	if !good {
		return fmt.Errorf("consumer group %q: must have 1 to 50 letters, digits or . _ - and begin and end with a letter or digit", name)
	}
	return nil
}

// AddConsumerGroup makes a consumer group, in which the log may be read beside
// the readers of $Default. The name has 1 to 50 ASCII letters, digits or . _ - and
// begins and ends with a letter or digit. A group that is there already stays.
func (h *Hub) AddConsumerGroup(name string) error { return h.groups.add(name) }

// ConsumerGroups returns the names of the consumer groups, $Default first.
func (h *Hub) ConsumerGroups() []string {
	h.groups.mu.Lock()
	defer h.groups.mu.Unlock()
	return slices.Clone(h.groups.names)
}
