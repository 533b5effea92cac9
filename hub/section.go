package hub

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Bounds of a twin. Sizes are of names and values, not of their JSON.
const (
	maxTags       = 8 << 10  // bytes
	maxProperties = 32 << 10 // bytes, desired and reported each
	maxDepth      = 10       // objects in each other
	maxName       = 1 << 10  // bytes
	maxText       = 4 << 10  // bytes of one text
	maxInteger    = 1<<52 - 1
	// maxEncoded is ours, not the cloud's: control characters and the digits of a
	// number have no size there. The JSON of other sections is never that long.
	maxEncoded = 256 << 10 // bytes
	// maxValues is ours, not the cloud's: an empty text, array or object has no size
	// there, and takes memory here. A section of other values never has so many.
	maxValues = 16384
)

// Names the hub alone gives in a section.
const (
	keyVersion     = "$version"
	keyMetadata    = "$metadata"
	keyUpdated     = "$lastUpdated"
	keyUpdatedWith = "$lastUpdatedVersion"
)

// section is one of the three parts of a twin. What its maps hold never changes:
// a change makes new ones.
type section struct {
	name     string // in refusals
	limit    int    // bytes
	stamped  bool   // its metadata tells versions
	values   map[string]any
	metadata map[string]any
	version  int64
}

func newSection(name string, limit int, now time.Time) section {
	return section{
		name: name, limit: limit, version: 1,
		values:   map[string]any{},
		metadata: map[string]any{keyUpdated: now.UTC().Format(timeFormat)},
	}
}

// change applies a JSON object and returns it, read. The section stays as it was
// when that fails.
func (s *section) change(text []byte, replace bool, now time.Time) (patch map[string]any, err error) {
	patch, err = decodeObject(text)
	if err != nil {
		return nil, refuseArgument("%s: %v.", s.name, err)
	}
	delete(patch, keyVersion)
	delete(patch, keyMetadata)
	if err := checkValue(patch, 0); err != nil {
		return nil, refuseArgument("%s: %v.", s.name, err)
	}
	base := *s
	if replace {
		base = newSection(s.name, s.limit, now)
	}
	at := stamp{time: now.UTC().Format(timeFormat)}
	if s.stamped {
		at.version = s.version + 1
	}
	values, metadata := merge(base.values, base.metadata, patch, at)
	if sizeOf(values) >= s.limit {
		return nil, refuse(codeTwinSize, "'%s' size should be less than %d bytes.", s.name, s.limit)
	}
	if countOf(values) > maxValues {
		return nil, refuse(codeTwinSize, "'%s' should have at most %d values.", s.name, maxValues)
	}
	if len(encodeJSON(values)) > maxEncoded {
		return nil, refuse(codeTwinSize, "'%s' should have at most %d bytes of JSON.", s.name, maxEncoded)
	}
	s.values, s.metadata, s.version = values, metadata, s.version+1
	return patch, nil
}

// deviceView is the section as its device gets it.
func (s *section) deviceView() map[string]any {
	view := maps.Clone(s.values)
	view[keyVersion] = s.version
	return view
}

// serviceView is the section as a service gets it.
func (s *section) serviceView() map[string]any {
	view := s.deviceView()
	view[keyMetadata] = s.metadata
	return view
}

// stamp says of a value when it was set, and by which version.
type stamp struct {
	time    string
	version int64
}

// of returns the metadata of a value, with that of the values in it.
func (s stamp) of(children map[string]any) map[string]any {
	marked := maps.Clone(children)
	if marked == nil {
		marked = map[string]any{}
	}
	marked[keyUpdated] = s.time
	if s.version != 0 {
		marked[keyUpdatedWith] = s.version
	}
	return marked
}

// merge returns values and their metadata with patch applied: objects are merged,
// a null takes a value away, anything else takes the old one's place.
func merge(values, metadata, patch map[string]any, at stamp) (map[string]any, map[string]any) {
	values = maps.Clone(values)
	if values == nil {
		values = map[string]any{}
	}
	metadata = at.of(metadata)
	for name, v := range patch {
		switch v := v.(type) {
		case nil:
			delete(values, name)
			delete(metadata, name)
		case map[string]any:
			oldValues, _ := values[name].(map[string]any)
			oldMetadata, _ := metadata[name].(map[string]any)
			values[name], metadata[name] = merge(oldValues, oldMetadata, v, at)
		default:
			values[name], metadata[name] = v, at.of(nil)
		}
	}
	return values, metadata
}

// sizeOf counts as the cloud's documentation says: names and texts by their
// bytes without control characters, 8 for a number, 4 for a truth value.
func sizeOf(v any) int {
	switch v := v.(type) {
	case map[string]any:
		size := 0
		for name, value := range v {
			size += textSize(name) + sizeOf(value)
		}
		return size
	case []any:
		size := 0
		for _, value := range v {
			size += sizeOf(value)
		}
		return size
	case string:
		return textSize(v)
	case json.Number:
		return 8
	case bool:
		return 4
	default:
		return 0
	}
}

// countOf counts a value and those in it.
func countOf(v any) int {
	n := 1
	switch v := v.(type) {
	case map[string]any:
		for _, value := range v {
			n += countOf(value)
		}
	case []any:
		for _, value := range v {
			n += countOf(value)
		}
	}
	return n
}

func textSize(s string) int {
	size := 0
	for _, r := range s {
		if !unicode.IsControl(r) {
			size += utf8.RuneLen(r)
		}
	}
	return size
}

// badValue is what a twin cannot hold.
type badValue string

func (e badValue) Error() string { return string(e) }

// checkValue holds a value against what the cloud allows in a twin.
func checkValue(v any, depth int) error {
	switch v := v.(type) {
	case map[string]any:
		if depth++; depth > maxDepth {
			return badValue("more than " + strconv.Itoa(maxDepth) + " objects in each other")
		}
		for name, value := range v {
			if err := checkName(name); err != nil {
				return err
			}
			if err := checkValue(value, depth); err != nil {
				return err
			}
		}
	case []any:
		for _, value := range v {
			if err := checkValue(value, depth); err != nil {
				return err
			}
		}
	case string:
		if len(v) > maxText {
			return badValue("a text of more than " + strconv.Itoa(maxText) + " bytes")
		}
	case json.Number:
		if n, err := v.Int64(); err == nil && (n > maxInteger || n < -maxInteger-1) {
			return badValue("the integer " + v.String() + " is out of range")
		}
	}
	return nil
}

func checkName(name string) error {
	bad := func(r rune) bool { return unicode.IsControl(r) || strings.ContainsRune(".$ ", r) }
	switch {
	case name == "":
		return badValue("an empty name")
	case len(name) > maxName:
		return badValue("a name of more than " + strconv.Itoa(maxName) + " bytes")
	case strings.ContainsFunc(name, bad):
		return badValue("the name " + strconv.Quote(short(name)) + " holds a dot, a dollar, a space or a control character")
	}
	return nil
}

// decodeObject reads one JSON object and nothing behind it. Numbers stay as they
// are written.
func decodeObject(text []byte) (map[string]any, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil || object == nil {
		return nil, badValue("not a JSON object")
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, badValue("more than one JSON value")
	}
	return object, nil
}

// encodeJSON writes what came from decodeObject.
func encodeJSON(v map[string]any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("{}")
	}
	return text
}
