package diag

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"fieldpost/internal/http1"
)

// follow streams events as server-sent events.
// Source: WHATWG HTML, section 9.2 "Server-sent events".
func (s *Server) follow() func(context.Context, request, *http1.Answer) error {
	e := s.o.Provider.Events
	if e == nil {
		return nil
	}
	return func(ctx context.Context, r request, w *http1.Answer) error {
		types, err := typesOf(r)
		if err != nil {
			return err
		}
		leave, err := s.joinStreams()
		if err != nil {
			return err
		}
		defer leave()
		f := e.follow(types)
		defer e.leave(f)
		c := &chunks{w: w, within: s.o.StallWithin, kind: "text/event-stream"}
		beat := time.NewTicker(s.o.Heartbeat)
		defer beat.Stop()
		b := bytes.NewBufferString(": events follow\n\n")
		for {
			if b.Len() > 0 {
				if _, err := c.Write(b.Bytes()); err != nil {
					return nil // the reader has gone
				}
				b.Reset()
			}
			select {
			case <-ctx.Done():
				return nil
			case <-beat.C:
				b.WriteString(": still here\n\n")
			case <-f.ready:
				for _, w := range e.take(f) {
					fmt.Fprintf(b, "id: %d\nevent: %s\ndata: %s\n\n", w.id, w.kind, w.data)
				}
			}
		}
	}
}

// joinStreams takes one of the places for readers that stay.
func (s *Server) joinStreams() (leave func(), err error) {
	select {
	case s.streams <- struct{}{}:
		return func() { <-s.streams }, nil
	default:
		return nil, refusal(http1.StatusServiceUnavailable, fmt.Sprintf("%d readers follow events or the log already", cap(s.streams)), "end one of them")
	}
}

func typesOf(r request) ([]string, error) {
	text := r.query.Get("types")
	if text == "" {
		return EventTypes(), nil
	}
	types := strings.Split(text, ",")
	for _, t := range types {
		if err := CheckEventType(t); err != nil {
			return nil, badRequest(err.Error(), Hint(err))
		}
	}
	slices.Sort(types)
	return slices.Compact(types), nil
}

// CheckEventType refuses what is no type of an event that can be asked for.
func CheckEventType(t string) error {
	if slices.Contains(EventTypes(), t) {
		return nil
	}
	return hinted{fmt.Errorf("no events of type %q", clean(t)), "one or more of " + strings.Join(EventTypes(), ",")}
}
