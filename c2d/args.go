package c2d

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Args are the arguments of one command, checked against the Args of its
// Action. A value is a string, float64, int64, bool or time.Duration after the
// type of its Arg; an optional argument that was not given is absent.
type Args map[string]any

// Has tells whether the argument was given.
func (a Args) Has(name string) bool { _, ok := a[name]; return ok }

// String returns an argument of type string, "" when absent.
func (a Args) String(name string) string { v, _ := a[name].(string); return v }

// Number returns an argument of type number, 0 when absent.
func (a Args) Number(name string) float64 { v, _ := a[name].(float64); return v }

// Integer returns an argument of type integer, 0 when absent.
func (a Args) Integer(name string) int64 { v, _ := a[name].(int64); return v }

// Bool returns an argument of type boolean, false when absent.
func (a Args) Bool(name string) bool { v, _ := a[name].(bool); return v }

// Duration returns an argument of type duration, 0 when absent.
func (a Args) Duration(name string) time.Duration { v, _ := a[name].(time.Duration); return v }

var argTypes = [...]string{"string", "number", "integer", "boolean", "duration"}

// maxExact is the largest integer that every JSON implementation keeps exact
// when it is written with a fraction or an exponent (RFC 8259 section 6).
const maxExact = 1 << 53

// decodeArgs checks given against want. The error is the sender's to read.
func decodeArgs(want []Arg, given []member) (Args, *RejectError) {
	args := Args{}
	for _, m := range given {
		i := slices.IndexFunc(want, func(a Arg) bool { return a.Name == m.name })
		if i < 0 {
			return nil, unknownArg(want, m.name)
		}
		v, err := want[i].decode(m.value)
		if err != nil {
			return nil, &RejectError{ConditionInvalid, fmt.Sprintf("argument %q: %v", m.name, err)}
		}
		args[m.name] = v
	}
	for _, a := range want {
		if a.Required && !args.Has(a.Name) {
			return nil, &RejectError{ConditionInvalid, fmt.Sprintf("argument %q (%s) is missing", a.Name, a.Type)}
		}
	}
	return args, nil
}

// takeDryRun takes dry_run out of the arguments given.
func takeDryRun(a *Action, given []member) (rest []member, dry bool, reject *RejectError) {
	i := slices.IndexFunc(given, func(m member) bool { return m.name == dryRun })
	if i < 0 {
		return given, false, nil
	}
	v, err := Arg{Type: "boolean"}.decode(given[i].value)
	switch {
	case err != nil:
		return nil, false, &RejectError{ConditionInvalid, fmt.Sprintf("argument %q: %v", dryRun, err)}
	case a.DryRun == nil:
		return nil, false, &RejectError{ConditionInvalid, fmt.Sprintf("unknown argument %q: the command changes nothing, or cannot tell what it would do", dryRun)}
	}
	return slices.Delete(slices.Clone(given), i, i+1), v == true, nil
}

func unknownArg(want []Arg, name string) *RejectError {
	if len(want) == 0 {
		return &RejectError{ConditionInvalid, fmt.Sprintf("unknown argument %s: the command takes none", quote(name))}
	}
	names := make([]string, len(want))
	for i, a := range want {
		names[i] = a.Name
	}
	return &RejectError{ConditionInvalid, fmt.Sprintf("unknown argument %s%s; the command takes %s",
		quote(name), didYouMean(name, names), strings.Join(names, ", "))}
}

func (a Arg) decode(raw json.RawMessage) (any, error) {
	switch a.Type {
	case "string":
		return a.text(raw)
	case "boolean":
		switch string(raw) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return nil, a.wrongType(raw)
	case "integer":
		return a.integer(raw)
	case "duration":
		return a.duration(raw)
	default:
		return a.number(raw)
	}
}

func (a Arg) text(raw json.RawMessage) (any, error) {
	var s string
	if kindOf(raw) != "string" || json.Unmarshal(raw, &s) != nil {
		return nil, a.wrongType(raw)
	}
	if len(a.OneOf) > 0 && !slices.Contains(a.OneOf, s) {
		return nil, fmt.Errorf("%s is not one of %s%s", quote(s), strings.Join(a.OneOf, ", "), didYouMean(s, a.OneOf))
	}
	return s, nil
}

func (a Arg) number(raw json.RawMessage) (any, error) {
	if kindOf(raw) != "number" {
		return nil, a.wrongType(raw)
	}
	f, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		return nil, fmt.Errorf("%s is out of the range of a number", clip(string(raw)))
	}
	return f, a.within(f, clip(string(raw)))
}

func (a Arg) integer(raw json.RawMessage) (any, error) {
	if kindOf(raw) != "number" {
		return nil, a.wrongType(raw)
	}
	text := string(raw)
	i, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		f, ferr := strconv.ParseFloat(text, 64)
		if ferr != nil || math.Abs(f) > maxExact {
			return nil, fmt.Errorf("%s is out of the range of an integer", clip(text))
		}
		if f != math.Trunc(f) {
			return nil, fmt.Errorf("want an integer, got %s", clip(text))
		}
		i = int64(f)
	}
	return i, a.within(float64(i), clip(text))
}

func (a Arg) duration(raw json.RawMessage) (any, error) {
	var s string
	if kindOf(raw) != "string" || json.Unmarshal(raw, &s) != nil {
		return nil, a.wrongType(raw)
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return nil, fmt.Errorf("%s is not a duration such as \"500ms\" or \"1m30s\"", quote(s))
	}
	return d, a.within(d.Seconds(), clip(s))
}

func (a Arg) within(v float64, shown string) error {
	unit := ""
	if a.Type == "duration" {
		unit = " s"
	}
	switch {
	case a.Min != nil && v < *a.Min:
		return fmt.Errorf("%s is below %g%s", shown, *a.Min, unit)
	case a.Max != nil && v > *a.Max:
		return fmt.Errorf("%s is above %g%s", shown, *a.Max, unit)
	}
	return nil
}

func (a Arg) wrongType(raw json.RawMessage) error {
	if a.Type == "duration" {
		return fmt.Errorf("want a duration as a string such as \"500ms\", got %s", kindOf(raw))
	}
	return fmt.Errorf("want %s, got %s", a.Type, kindOf(raw))
}

// kindOf names the JSON type of a valid, trimmed value.
func kindOf(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "nothing"
	}
	switch raw[0] {
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	case '{':
		return "object"
	case '[':
		return "array"
	default:
		return "number"
	}
}
