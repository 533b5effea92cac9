package c2d

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/Azure/go-amqp"
)

func ptr(f float64) *float64 { return &f }

var testTable = table{
	actions: []Action{
		{Name: "blink", Args: []Arg{
			{Name: "count", Type: "integer", Required: true, Min: ptr(1), Max: ptr(100)},
			{Name: "level", Type: "number", Min: ptr(0), Max: ptr(1)},
			{Name: "color", Type: "string", OneOf: []string{"red", "green"}},
			{Name: "every", Type: "duration", Min: ptr(0.1), Max: ptr(60)},
			{Name: "wait", Type: "boolean"},
		}, DryRun: stubRun},
		{Name: "ping"},
		{Name: "reboot"},
	},
	allow: map[string][]string{DoorDevicebound: {"blink", "ping"}},
}

func TestDecode(t *testing.T) {
	deep := strings.Repeat("[", 100) + strings.Repeat("]", 100)
	tests := []struct {
		name      string
		command   any // nil = no application property
		body      string
		want      Args
		condition string
		reason    string // part of it
	}{
		{name: "empty body", command: "ping"},
		{name: "blank body", command: "ping", body: " \n"},
		{name: "empty object", command: "ping", body: "{}"},
		{name: "byte order mark", command: "ping", body: "\ufeff{}"},
		{name: "args", command: "blink", body: `{"count":3,"level":0.5,"color":"red","every":"1.5s","wait":true}`,
			want: Args{"count": int64(3), "level": 0.5, "color": "red", "every": 1500 * time.Millisecond, "wait": true}},
		{name: "integer with fraction zero", command: "blink", body: `{"count":3.0}`, want: Args{"count": int64(3)}},
		{name: "integer with exponent", command: "blink", body: `{"count":1e1}`, want: Args{"count": int64(10)}},
		{name: "envelope", body: `{"command":"blink","args":{"count":3}}`, want: Args{"count": int64(3)}},
		{name: "envelope without args", body: `{"command":"ping"}`},
		{name: "both the same", command: "blink", body: `{"command":"blink","args":{"count":3}}`, want: Args{"count": int64(3)}},

		{name: "both different", command: "ping", body: `{"command":"blink","args":{}}`, condition: ConditionInvalid, reason: `says "ping", the body says "blink"`},
		{name: "no command", body: `{"count":3}`, condition: ConditionInvalid, reason: "no command"},
		{name: "nothing at all", condition: ConditionInvalid, reason: "no command"},
		{name: "property not a string", command: int64(7), condition: ConditionInvalid, reason: `application property "command"`},
		{name: "property empty", command: "", condition: ConditionInvalid, reason: `application property "command"`},
		{name: "body command not a string", body: `{"command":7}`, condition: ConditionInvalid, reason: `key "command"`},
		{name: "args not an object", body: `{"command":"ping","args":[1]}`, condition: ConditionInvalid, reason: "want object, got array"},
		{name: "misspelt args", body: `{"command":"ping","arg":{}}`, condition: ConditionInvalid, reason: `did you mean "args"?`},

		{name: "unknown command", command: "pingg", condition: ConditionNotFound, reason: `unknown command "pingg" (did you mean "ping"?); known: blink, ping, reboot`},
		{name: "far from any", command: "self-destruct", condition: ConditionNotFound, reason: `unknown command "self-destruct"; known`},
		{name: "other case", command: "PING", condition: ConditionNotFound, reason: "known: blink"},
		{name: "not allowed", command: "reboot", condition: ConditionNotAllowed, reason: `"reboot" is not allowed`},
		{name: "long name", command: strings.Repeat("x", 5000), condition: ConditionNotFound, reason: "unknown command"},

		{name: "unknown argument", command: "blink", body: `{"count":3,"colour":"red"}`, condition: ConditionInvalid, reason: `unknown argument "colour" (did you mean "color"?); the command takes count, level`},
		{name: "argument to none", command: "ping", body: `{"a":1}`, condition: ConditionInvalid, reason: "the command takes none"},
		{name: "missing", command: "blink", body: `{}`, condition: ConditionInvalid, reason: `"count" (integer) is missing`},
		{name: "null", command: "blink", body: `{"count":null}`, condition: ConditionInvalid, reason: "want integer, got null"},
		{name: "string for integer", command: "blink", body: `{"count":"3"}`, condition: ConditionInvalid, reason: "want integer, got string"},
		{name: "fraction for integer", command: "blink", body: `{"count":3.5}`, condition: ConditionInvalid, reason: "want an integer, got 3.5"},
		{name: "number for boolean", command: "blink", body: `{"count":1,"wait":1}`, condition: ConditionInvalid, reason: "want boolean, got number"},
		{name: "number for duration", command: "blink", body: `{"count":1,"every":5}`, condition: ConditionInvalid, reason: "duration as a string"},
		{name: "no duration", command: "blink", body: `{"count":1,"every":"soon"}`, condition: ConditionInvalid, reason: `"soon" is not a duration`},
		{name: "duration too long", command: "blink", body: `{"count":1,"every":"2h"}`, condition: ConditionInvalid, reason: "2h is above 60 s"},
		{name: "below", command: "blink", body: `{"count":0}`, condition: ConditionInvalid, reason: "0 is below 1"},
		{name: "above", command: "blink", body: `{"count":101}`, condition: ConditionInvalid, reason: "101 is above 100"},
		{name: "huge integer", command: "blink", body: `{"count":9e99}`, condition: ConditionInvalid, reason: "out of the range"},
		{name: "huge number", command: "blink", body: `{"count":1,"level":1e999}`, condition: ConditionInvalid, reason: "out of the range"},
		{name: "one of", command: "blink", body: `{"count":1,"color":"rod"}`, condition: ConditionInvalid, reason: `"rod" is not one of red, green (did you mean "red"?)`},
		{name: "duplicate key", command: "blink", body: `{"count":1,"count":2}`, condition: ConditionInvalid, reason: `key "count" is given twice`},
		{name: "duplicate key by escape", command: "blink", body: `{"count":1,"\u0063ount":2}`, condition: ConditionInvalid, reason: "given twice"},
		{name: "duplicate in args", body: `{"command":"blink","args":{"count":1,"count":2}}`, condition: ConditionInvalid, reason: "given twice"},
		{name: "duplicate command", body: `{"command":"ping","command":"blink"}`, condition: ConditionInvalid, reason: "given twice"},

		{name: "invalid utf-8", command: "ping", body: "{\"a\":\"\xff\"}", condition: ConditionDecode, reason: "invalid byte at offset 6"},
		{name: "not json", command: "ping", body: "hello", condition: ConditionDecode, reason: "not JSON"},
		{name: "cut off", command: "ping", body: `{"a":`, condition: ConditionDecode, reason: "not JSON"},
		{name: "trailing garbage", command: "ping", body: `{} x`, condition: ConditionDecode, reason: "after top-level value"},
		{name: "two objects", command: "ping", body: `{}{}`, condition: ConditionDecode, reason: "not JSON"},
		{name: "array", command: "ping", body: `[]`, condition: ConditionDecode, reason: "want a JSON object, got array"},
		{name: "bare null", command: "ping", body: `null`, condition: ConditionDecode, reason: "got null"},
		{name: "deep", command: "ping", body: `{"a":` + deep + `}`, condition: ConditionDecode, reason: "nested deeper than 32"},
		{name: "very deep", command: "ping", body: strings.Repeat("[", maxBody), condition: ConditionDecode, reason: "nested"},
		{name: "brackets in a string", command: "ping", body: `{"a":"` + strings.Repeat("[", 100) + `"}`, condition: ConditionInvalid, reason: "unknown argument"},
		{name: "noise of 64 KB", command: "ping", body: strings.Repeat("\x00\x01~", maxBody/3), condition: ConditionDecode, reason: "not JSON"},
		{name: "too long", command: "ping", body: strings.Repeat(" ", maxBody+1), condition: ConditionDecode, reason: "more than 65536"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := testTable.decode(&message{door: DoorDevicebound, id: "m", command: tt.command, hasCommand: tt.command != nil, body: []byte(tt.body)})
			if tt.condition == "" {
				if c.reject != nil {
					t.Fatalf("rejected: %v", c.reject)
				}
				if len(c.args)+len(tt.want) > 0 && !reflect.DeepEqual(c.args, tt.want) {
					t.Errorf("args = %#v, want %#v", c.args, tt.want)
				}
				return
			}
			if c.reject == nil {
				t.Fatalf("not rejected, args %v", c.args)
			}
			if c.reject.Condition != tt.condition || !strings.Contains(c.reject.Reason, tt.reason) {
				t.Errorf("rejected with %s: %s\nwant %s with %q", c.reject.Condition, c.reject.Reason, tt.condition, tt.reason)
			}
		})
	}
}

func TestNewMessage(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	m := newMessage(&amqp.Message{
		Annotations: amqp.Annotations{
			"x-opt-sequence-number": int64(42), "iothub-enqueuedtime": at, "iothub-deliverycount": uint8(2),
		},
		Properties:            &amqp.MessageProperties{MessageID: "id-1", AbsoluteExpiryTime: &at},
		ApplicationProperties: map[string]any{"command": "ping"},
		Data:                  [][]byte{[]byte(`{"a"`), []byte(`:1}`)},
	}, at)
	want := &message{door: DoorDevicebound, id: "id-1", seq: 42, enqueued: at, expires: at, deliveries: 2, received: at,
		hasCommand: true, command: "ping", body: []byte(`{"a":1}`)}
	if !reflect.DeepEqual(m, want) {
		t.Errorf("got  %+v\nwant %+v", m, want)
	}
}

func TestNewMessageBody(t *testing.T) {
	tests := []struct {
		name    string
		m       amqp.Message
		body    string
		problem string
	}{
		{name: "none", m: amqp.Message{}},
		{name: "null", m: amqp.Message{Value: amqp.Null{}}},
		{name: "string", m: amqp.Message{Value: "{}"}, body: "{}"},
		{name: "binary", m: amqp.Message{Value: []byte("{}")}, body: "{}"},
		{name: "map", m: amqp.Message{Value: map[string]any{}}, problem: "want a string or binary"},
		{name: "sequence", m: amqp.Message{Sequence: [][]any{{1}}}, problem: "AMQP sequence"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newMessage(&tt.m, time.Now())
			if string(m.body) != tt.body || !strings.Contains(m.bodyProblem, tt.problem) || (m.bodyProblem == "") != (tt.problem == "") {
				t.Errorf("body %q, problem %q", m.body, m.bodyProblem)
			}
		})
	}
}

func TestIdentity(t *testing.T) {
	at := time.UnixMilli(1_700_000_000_123)
	seq := amqp.Annotations{"x-opt-sequence-number": uint64(7), "iothub-enqueuedtime": at}
	tests := []struct {
		name  string
		m     amqp.Message
		label string
		known bool // can be carried out
	}{
		{"string", amqp.Message{Properties: &amqp.MessageProperties{MessageID: "a"}}, "a", true},
		{"ulong", amqp.Message{Properties: &amqp.MessageProperties{MessageID: uint64(9)}}, "9", true},
		{"binary", amqp.Message{Properties: &amqp.MessageProperties{MessageID: []byte{0xab}}}, "ab", true},
		{"uuid", amqp.Message{Properties: &amqp.MessageProperties{MessageID: amqp.UUID{1, 2}}}, "01020000-0000-0000-0000-000000000000", true},
		{"none", amqp.Message{Annotations: seq}, "devicebound-7-1700000000123", true},
		{"empty", amqp.Message{Annotations: seq, Properties: &amqp.MessageProperties{MessageID: ""}}, "devicebound-7-1700000000123", true},
		{"too long", amqp.Message{Properties: &amqp.MessageProperties{MessageID: strings.Repeat("x", 129)}}, "sha256-", false},
		{"nothing", amqp.Message{DeliveryTag: []byte{1, 2}}, "tag-0102", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.m.ApplicationProperties = map[string]any{"command": "ping"}
			c := testTable.decode(newMessage(&tt.m, at))
			if !strings.HasPrefix(c.label, tt.label) || (c.reject == nil) != tt.known {
				t.Errorf("label %q, reject %v", c.label, c.reject)
			}
			if c.journal.MessageID == "" && c.journal.Seq == 0 {
				t.Error("journal is given no identity")
			}
		})
	}
}

func TestCheckActions(t *testing.T) {
	run := func(a Action) []Action { a.Run = stubRun; return []Action{a} }
	good := run(Action{Name: "a", Args: []Arg{{Name: "x", Type: "number"}}})
	if err := checkActions(good); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string][]Action{
		"no name":  run(Action{}),
		"twice":    append(run(Action{Name: "a"}), run(Action{Name: "a"})...),
		"no run":   {{Name: "a"}},
		"type":     run(Action{Name: "a", Args: []Arg{{Name: "x", Type: "int"}}}),
		"reserved": run(Action{Name: "a", Args: []Arg{{Name: "dry_run", Type: "boolean"}}}),
		"resume":   run(Action{Name: "a", Repeat: Resumable}),
		"same arg": run(Action{Name: "a", Args: []Arg{{Name: "x", Type: "string"}, {Name: "x", Type: "string"}}}),
	} {
		if checkActions(bad) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range []string{"", "{}", `{"count":3}`, `{"command":"blink","args":{"count":3,"every":"1s"}}`,
		`{"count":1,"count":2}`, "{\"\xff\":1}", `{"count":1e999}`, `{"a":[[[[[]]]]]}`, `{} {}`, "\ufeff{}", `{"color":"\ud800"}`,
		`{"count":1,"dry_run":true}`, `{"count":1,"dry_run":true,"dry_run":false}`, `{"count":1,"dry_run":"yes"}`, `{"command":"ping","args":{"dry_run":true}}`} {
		f.Add("blink", true, []byte(body))
		f.Add("", false, []byte(body))
	}
	conditions := []string{ConditionDecode, ConditionInvalid, ConditionNotFound, ConditionNotAllowed}
	f.Fuzz(func(t *testing.T, name string, has bool, body []byte) {
		m := &message{door: DoorDevicebound, id: "m", command: name, hasCommand: has, body: bytes.Clone(body)}
		c := testTable.decode(m)
		if !bytes.Equal(m.body, body) {
			t.Error("decode changed the body")
		}
		if again := testTable.decode(m); !reflect.DeepEqual(c.reject, again.reject) || !reflect.DeepEqual(c.args, again.args) {
			t.Error("decode twice gives two answers")
		}
		if c.reject != nil {
			found := false
			for _, cond := range conditions {
				found = found || cond == c.reject.Condition
			}
			if !found || c.reject.Reason == "" || !utf8.ValidString(c.reject.Reason) || len(c.reject.Reason) > 1000 {
				t.Errorf("rejected with %q: %q", c.reject.Condition, c.reject.Reason)
			}
			return
		}
		if c.action == nil || !(c.action.Name == "blink" || c.action.Name == "ping") {
			t.Fatalf("accepted with action %v", c.action)
		}
		if c.args.Has(dryRun) {
			t.Error("dry_run is among the arguments")
		}
		if c.action.Name == "blink" {
			if n, ok := c.args["count"].(int64); !ok || n < 1 || n > 100 {
				t.Errorf("count = %v", c.args["count"])
			}
			if s := c.args.String("color"); c.args.Has("color") && s != "red" && s != "green" {
				t.Errorf("color = %q", s)
			}
		}
		if len(bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\ufeff")))) > 0 && !json.Valid(bytes.TrimPrefix(body, []byte("\ufeff"))) {
			t.Errorf("accepted what is no JSON: %q", body)
		}
	})
}
