package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/uplink"
)

// CheckFiles tells what is wrong with the files and folders that a configuration
// points to. They are errors for check and warnings for run: a gateway that only
// waits for its key still samples.
func CheckFiles(cfg *config.Config, now clock.Stamp) []config.Problem {
	var found []config.Problem
	add := func(key, hint string, err error) {
		if errors.Is(err, fs.ErrPermission) {
			hint = "let the user the agent runs as have it: chown or chgrp"
		}
		found = append(found, cfg.Problem(key, err.Error(), hint))
	}
	switch path := cfg.Hub.ConnectionStringFile; path {
	case "":
		add("hub.connection_string_file", "without it the agent samples and queues, and sends nothing", fmt.Errorf("not set"))
	default:
		cs, err := readConnectionString(path)
		if err == nil {
			_, err = uplink.NewIdentity(cs, nil)
		}
		if err != nil {
			add("hub.connection_string_file", "copy the device's primary connection string from the hub's registry into this file", err)
			break
		}
		if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o007 != 0 {
			add("hub.connection_string_file", "chmod o-rwx "+path, fmt.Errorf("%s: everybody on this machine may read or change the key", path))
		}
	}
	if _, err := readAuthorities(cfg.Hub.CAFile); err != nil {
		add("hub.ca_file", "a PEM file of certificate authorities, or leave the key out to trust the system's", err)
	}
	if err := diag.CheckPath(cfg.Agent.Socket); err != nil {
		add("agent.socket", diag.Hint(err), err)
	}
	if err := writable(cfg.Agent.StateDir); err != nil {
		add("agent.state_dir", "make the folder and give it to the user the agent runs as", err)
	}
	if now.Trust == clock.TrustNone {
		found = append(found, config.Problem{
			Message: "the clock says " + now.Wall.UTC().Format("2006-01-02") + ", so certificates and tokens go by the newest time that is known",
			Hint:    "set the clock or start an NTP client; readings are kept and dated later",
		})
	}
	return found
}

// writable looks for the nearest folder that exists and tries to write there.
func writable(dir string) error {
	for at := dir; ; at = filepath.Dir(at) {
		info, err := os.Stat(at)
		switch {
		case os.IsNotExist(err) && at != filepath.Dir(at):
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s: not a folder", at)
		}
		f, err := os.CreateTemp(at, ".fieldpost-check-*")
		if err != nil {
			return err
		}
		_ = f.Close()
		return os.Remove(f.Name())
	}
}
