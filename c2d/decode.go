package c2d

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"fieldpost/store"
)

const (
	maxBody       = 64 << 10  // bytes; the hub's limit for a cloud-to-device message
	maxMethodBody = 128 << 10 // bytes; the hub's limit for a direct method, each way
	maxDepth      = 32        // nested objects and arrays in a body
	maxName       = 64        // bytes of a command's name
	maxShown      = 64        // bytes of a sender's word that are repeated to him
)

// command is one decoded delivery: what to do, or why it is rejected.
type command struct {
	journal    store.Command
	identity   string // what makes two deliveries the same command
	label      string // message-id, or what stands for it: for people and as correlation-id
	fresh      bool   // it cannot have come before
	received   time.Time
	expires    time.Time // zero = never
	deliveries int       // earlier deliveries that were given back, as the hub counts them
	ack        string    // iothub-ack: the feedback the sender wants
	holdUntil  time.Time // a command that cannot begin is given back then
	lockUntil  time.Time // nobody waits for the outcome after that
	deadline   time.Time // of the action, when it is earlier than Options.Deadline

	action *Action
	args   Args
	target string
	reject *RejectError // set: nothing is executed
	resume bool         // begun before: the action's Resume decides
}

// member is one name and value of a JSON object.
type member struct {
	name  string
	value json.RawMessage
}

// decode makes a command of a message. It always returns one: a message that
// is no command becomes a command with reject set.
func (t *table) decode(m *message) *command {
	c := &command{
		journal:    store.Command{MessageID: m.id, Seq: m.seq, EnqueuedAt: m.enqueued, Door: m.door},
		fresh:      m.fresh,
		received:   m.received,
		expires:    m.expires,
		deliveries: m.deliveries,
		ack:        m.ack,
		holdUntil:  m.holdUntil,
		lockUntil:  m.lockUntil,
		deadline:   m.deadline,
	}
	c.identity, c.label = identity(c.journal)
	if m.problem != "" {
		c.reject = &RejectError{ConditionInvalid, m.problem}
		return c
	}
	name, given, reject := split(m)
	if utf8.ValidString(name) && len(name) <= maxName {
		c.journal.Name = name
	}
	if reject == nil {
		c.action, reject = t.find(name, m.door)
	}
	dry := false
	if reject == nil {
		given, dry, reject = takeDryRun(c.action, given)
	}
	if reject == nil {
		c.args, reject = decodeArgs(c.action.Args, given)
	}
	if dry && reject == nil {
		c.action = c.action.dry()
	}
	if reject == nil {
		c.target, reject = c.action.target(c.args)
	}
	c.reject = reject
	return c
}

// split finds the name of the command and its arguments, whichever form the
// sender chose. The name is returned with a rejection too, when it is known.
func split(m *message) (string, []member, *RejectError) {
	var name string
	if m.hasCommand {
		s, ok := m.command.(string)
		if !ok || s == "" {
			return "", nil, &RejectError{ConditionInvalid, "application property \"command\" is not a string with the name of a command"}
		}
		name = s
	}
	if m.bodyProblem != "" {
		return name, nil, &RejectError{ConditionDecode, m.bodyProblem}
	}
	most := maxBody
	if m.door == DoorMethods {
		most = maxMethodBody
	}
	body, reject := parseBody(m.body, most)
	if reject != nil {
		return name, nil, reject
	}
	i := slices.IndexFunc(body, func(b member) bool { return b.name == "command" })
	if i < 0 {
		if !m.hasCommand {
			return "", nil, &RejectError{ConditionInvalid, "no command: neither an application property \"command\" nor a key \"command\" in the body"}
		}
		return name, body, nil
	}
	var inner string
	if kindOf(body[i].value) != "string" || json.Unmarshal(body[i].value, &inner) != nil || inner == "" {
		return name, nil, &RejectError{ConditionInvalid, "key \"command\" in the body is not a string with the name of a command"}
	}
	if m.hasCommand && inner != name {
		return name, nil, &RejectError{ConditionInvalid,
			fmt.Sprintf("application property \"command\" says %s, the body says %s", quote(name), quote(inner))}
	}
	args, reject := envelopeArgs(body)
	return inner, args, reject
}

// envelopeArgs takes the arguments out of {"command": ..., "args": {...}}.
func envelopeArgs(body []member) ([]member, *RejectError) {
	var args []member
	for _, b := range body {
		switch b.name {
		case "command":
		case "args":
			if kindOf(b.value) != "object" {
				return nil, &RejectError{ConditionInvalid, "key \"args\" in the body: want object, got " + kindOf(b.value)}
			}
			var err error
			if args, err = members(b.value); err != nil {
				return nil, &RejectError{ConditionInvalid, "key \"args\" in the body: " + err.Error()}
			}
		default:
			return nil, &RejectError{ConditionInvalid, fmt.Sprintf("unknown key %s in the body%s; it takes command, args",
				quote(b.name), didYouMean(b.name, []string{"command", "args"}))}
		}
	}
	return args, nil
}

// parseBody reads a body as one JSON object and nothing after it.
func parseBody(body []byte, most int) ([]member, *RejectError) {
	if len(body) > most {
		return nil, &RejectError{ConditionDecode, fmt.Sprintf("body has %d bytes, more than %d", len(body), most)}
	}
	if !utf8.Valid(body) {
		return nil, &RejectError{ConditionDecode, fmt.Sprintf("body is not UTF-8: invalid byte at offset %d", invalidAt(body))}
	}
	body = bytes.TrimPrefix(body, []byte("\ufeff"))
	body = bytes.Trim(body, " \t\r\n")
	if len(body) == 0 {
		return nil, nil
	}
	if tooDeep(body) {
		return nil, &RejectError{ConditionDecode, fmt.Sprintf("body is nested deeper than %d", maxDepth)}
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil {
		return nil, &RejectError{ConditionDecode, "body is not JSON: " + syntax(err)}
	}
	if kindOf(body) != "object" {
		return nil, &RejectError{ConditionDecode, "body: want a JSON object, got " + kindOf(body)}
	}
	list, err := members(body)
	if err != nil {
		return nil, &RejectError{ConditionInvalid, "body: " + err.Error()}
	}
	return list, nil
}

// members lists a valid JSON object in its order. A key given twice is an
// error: two readers of the same object could disagree which one counts.
func members(object []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(object))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var list []member
	seen := map[string]bool{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, ok := key.(string)
		if !ok {
			return nil, fmt.Errorf("key %v is not a string", key)
		}
		if seen[name] {
			return nil, fmt.Errorf("key %s is given twice", quote(name))
		}
		seen[name] = true
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		list = append(list, member{name, value})
	}
	return list, nil
}

// tooDeep counts brackets outside of strings; it needs no valid JSON.
func tooDeep(body []byte) bool {
	depth, text := 0, false
	for i := 0; i < len(body); i++ {
		switch b := body[i]; {
		case text && b == '\\':
			i++
		case b == '"':
			text = !text
		case text:
		case b == '{' || b == '[':
			if depth++; depth > maxDepth {
				return true
			}
		case b == '}' || b == ']':
			depth--
		}
	}
	return false
}

func syntax(err error) string {
	var at *json.SyntaxError
	switch {
	case errors.As(err, &at):
		return fmt.Sprintf("%v at offset %d", err, at.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "it ends too early"
	default:
		return err.Error()
	}
}

func invalidAt(body []byte) int {
	for i := 0; i < len(body); {
		r, n := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(body)
}

// quote shows a sender's word back to him, shortened and without control characters.
func quote(s string) string { return fmt.Sprintf("%q", clip(s)) }

func clip(s string) string {
	if len(s) <= maxShown {
		return strings.ToValidUTF8(s, "\ufffd")
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}
