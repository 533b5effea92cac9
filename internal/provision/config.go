package provision

import "bytes"

// generated begins a configuration that was made here. It is made again with each
// set until somebody gives one.
const generated = "# Made by agent provision from the names of the files beside it.\n"

// known are the files that make a configuration by being there, and their keys.
var known = []struct{ name, key string }{
	{"connection-string", "connection_string_file"},
	{"hub-ca.pem", "ca_file"},
	{"sas-token", "sas_token_file"},
	{"device.pem", "certificate_file"},
	{"device-key.pem", "key_file"},
}

// withConfig returns all with a configuration, unless somebody gave one.
func withConfig(all, given []file) []file {
	at := find(all, ConfigFile)
	if find(given, ConfigFile) >= 0 || at >= 0 && !bytes.HasPrefix(all[at].data, []byte(generated)) {
		return all
	}
	text := generated + "version = 1\n\n[hub]\n"
	for _, k := range known {
		if find(all, k.name) >= 0 {
			text += k.key + ` = "` + k.name + "\"\n"
		}
	}
	made := file{ConfigFile, []byte(text)}
	if at < 0 {
		return append(all, made)
	}
	all[at] = made
	return all
}
