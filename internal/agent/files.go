package agent

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"fieldpost/board"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
	"fieldpost/internal/keep"
	"fieldpost/uplink"
)

// CheckFiles tells what is wrong with the files and folders that a configuration
// points to. They are errors for check and warnings for run: a gateway that only
// waits for its key still samples. What depends on the time is judged unless
// now.Trust is clock.TrustNone.
func CheckFiles(cfg *config.Config, now clock.Stamp) []config.Problem {
	return checkFiles(cfg, now, false)
}

// checkFiles is CheckFiles, for the agent itself when it runs.
func checkFiles(cfg *config.Config, now clock.Stamp, runs bool) []config.Problem {
	found := CheckHubFiles(cfg, now)
	add := func(f *fault) { found = append(found, cfg.Problem(f.key, f.err.Error(), f.hint)) }
	for _, f := range exposed(cfg.Hub) {
		add(f)
	}
	if dog := cfg.Board.Watchdog; dog != "" {
		// Opening it would start it.
		if _, err := os.Stat(dog); err != nil {
			e := &board.Error{Op: "look at", Thing: "watchdog " + dog, Err: err}
			add(newFault("board.watchdog", e.Hint(), e))
		}
	}
	if err := diag.CheckPath(cfg.Agent.Socket); err != nil {
		add(newFault("agent.socket", diag.Hint(err), err))
	}
	if err := writable(cfg.Agent.StateDir); err != nil {
		add(&fault{"agent.state_dir", stateHint(cfg.Agent.StateDir, err, runs), err})
	}
	return found
}

// CheckHubFiles tells what CheckFiles does about what is in the files of HubFiles. It
// is the same on any machine that has them.
func CheckHubFiles(cfg *config.Config, now clock.Stamp) []config.Problem {
	var found []config.Problem
	add := func(f *fault) { found = append(found, cfg.Problem(f.key, f.err.Error(), f.hint)) }
	if hub := cfg.Hub; hub.ConnectionStringFile == "" {
		add(newFault("hub.connection_string_file", hintNoHub, errors.New("not set")))
	} else {
		id, faults := assemble(hub)
		for _, f := range slices.Concat(faults, cut(hub, id), stale(hub, id, now)) {
			add(f)
		}
	}
	if _, f := readLogin(cfg.Hub.ProxyCredentialsFile); f != nil {
		add(f)
	}
	return found
}

const (
	hintReadOnly = "a card that became read-only is worn out or damaged: look at dmesg, mount it again or replace it"
	hintDisk     = "free or repair the disk that holds agent.state_dir"
)

// stateHint is the next move about a state folder that cannot be written. Whose it
// is to be is known to the agent that runs, and to nobody else.
func stateHint(dir string, err error, runs bool) string {
	_, there := os.Stat(dir)
	switch denied := errors.Is(err, fs.ErrPermission); {
	case errors.Is(err, syscall.EROFS):
		return hintReadOnly
	case denied && runs:
		return keep.HintAbout(err, keep.Hint(dir))
	case denied && errors.Is(there, fs.ErrNotExist):
		return "make the folder and give it to the user the agent runs as"
	case denied:
		return keep.HintAbout(err, "ask again as root or as the agent's user; if that user is refused too, let it have the folder: chown -R")
	case errors.Is(err, errNoFolder):
		return "name another folder with agent.state_dir, or move away what is there"
	}
	return hintDisk
}

var errNoFolder = errors.New("not a folder")

// CheckSocket tells of something else in the place of the socket. It is no fault of
// a set of files that is to be provisioned, and an agent that runs meets it itself.
func CheckSocket(cfg *config.Config) []config.Problem {
	if err := diag.CheckFree(cfg.Agent.Socket); err != nil {
		return []config.Problem{cfg.Problem("agent.socket", err.Error(), diag.Hint(err))}
	}
	return nil
}

// CheckLight tells of a light that is not there, under a root of the file system and
// among the lines of a board. Nothing but the light is missing then: a set of files
// is provisioned nevertheless.
func CheckLight(cfg *config.Config, root string, lines board.Lines) []config.Problem {
	light := newLight(cfg.Board.LED, root, lines, nil)
	if light == nil {
		return nil
	}
	if err := light.Look(); err != nil {
		return []config.Problem{cfg.Problem("board.led", err.Error(), diag.Hint(err))}
	}
	return nil
}

// CheckClock tells of a clock that cannot be right.
func CheckClock(now clock.Stamp) []config.Problem {
	if now.Trust != clock.TrustNone {
		return nil
	}
	return []config.Problem{{
		Message: "the clock says " + now.Wall.UTC().Format("2006-01-02") + ", so certificates and tokens go by the newest time that is known",
		Hint:    "set the clock or start an NTP client (timedatectl tells); readings are kept and dated later",
	}}
}

// HubFiles returns the paths of the files by which a gateway proves who it is and
// knows its hub, by the key that names them. Those that are not configured are empty.
func HubFiles(hub config.Hub) map[string]string {
	return map[string]string{
		"hub.connection_string_file": hub.ConnectionStringFile,
		"hub.ca_file":                hub.CAFile,
		"hub.certificate_file":       hub.CertificateFile,
		"hub.key_file":               hub.KeyFile,
		"hub.sas_token_file":         hub.SASTokenFile,
		"hub.proxy_credentials_file": hub.ProxyCredentialsFile,
	}
}

// cut tells of a key that has lost its end on the way here.
func cut(hub config.Hub, id uplink.Identity) []*fault {
	if id.Key.IsZero() {
		return nil
	}
	if err := id.Key.CheckSize(); err != nil {
		return []*fault{newFault("hub.connection_string_file", "copy the whole line from the hub's registry; what is missing is at its end",
			fmt.Errorf("%s: %w", hub.ConnectionStringFile, err))}
	}
	return nil
}

// stale tells of a certificate or a token whose time is not now, unless nobody
// knows what time it is.
func stale(hub config.Hub, id uplink.Identity, now clock.Stamp) []*fault {
	var faults []*fault
	if now.Trust == clock.TrustNone {
		return nil
	}
	if f := outOfTime(hub, id, now.Wall); f != nil {
		faults = append(faults, f)
	}
	if ends := id.Token.Expiry(); hub.SASTokenFile != "" && !ends.IsZero() && now.Wall.After(ends) {
		faults = append(faults, newFault("hub.sas_token_file", "put a new token into this file; it is used at once",
			fmt.Errorf("%s: the token ended on %s", hub.SASTokenFile, ends.UTC().Format("2006-01-02 15:04 UTC"))))
	}
	return faults
}

// exposed tells of secrets that everybody on this machine may read or change.
func exposed(hub config.Hub) []*fault {
	var faults []*fault
	for _, secret := range []struct{ key, path string }{
		{"hub.connection_string_file", hub.ConnectionStringFile},
		{"hub.key_file", hub.KeyFile},
		{"hub.sas_token_file", hub.SASTokenFile},
		{"hub.proxy_credentials_file", hub.ProxyCredentialsFile},
	} {
		if info, err := os.Stat(secret.path); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
			faults = append(faults, newFault(secret.key, "chmod o-rwx "+secret.path,
				fmt.Errorf("%s: everybody on this machine may read or change it", secret.path)))
		}
	}
	return faults
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
			return fmt.Errorf("%s: %w", at, errNoFolder)
		}
		f, err := os.CreateTemp(at, ".fieldpost-check-*")
		if err != nil {
			return err
		}
		_ = f.Close()
		return os.Remove(f.Name())
	}
}
