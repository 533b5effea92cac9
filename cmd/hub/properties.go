package main

import (
	"bytes"
	"encoding/json"
)

// properties are a section of a twin without what the hub adds to it.
type properties struct {
	text    string
	version json.Number
}

func readProperties(text json.RawMessage) properties {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return properties{text: oneLine(text), version: "0"}
	}
	p := properties{version: "0"}
	if version := all["$version"]; len(version) > 0 {
		p.version = json.Number(version)
	}
	delete(all, "$version")
	delete(all, "$metadata")
	rest, err := json.Marshal(all)
	if err != nil {
		rest = text
	}
	p.text = oneLine(rest)
	return p
}

// oneLine writes JSON without white space, harmless on a terminal; nothing is {}.
func oneLine(text json.RawMessage) string {
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil || b.Len() == 0 {
		return "{}"
	}
	return printable(b.String())
}
