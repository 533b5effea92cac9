package board

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

const (
	notifyWithin = time.Second // for one notice, which a supervisor that hangs must not hold up
	statusMax    = 400         // of a STATUS text, in bytes
)

// What a Notifier tells, beside Status.
const (
	NotifyReady    = "READY=1"
	NotifyStopping = "STOPPING=1"
	NotifyAlive    = "WATCHDOG=1"
)

// Notifier tells the supervisor that started the program how it is, as sd_notify(3)
// of systemd does. The nil Notifier tells nobody.
type Notifier struct {
	socket string
	alive  time.Duration
}

// NewNotifier reads what the supervisor has put into the environment: NOTIFY_SOCKET,
// a path or with @ an abstract name, and WATCHDOG_USEC and WATCHDOG_PID. It returns
// nil when nobody wants to be told. The error tells of a value that is of no use; the
// Notifier is good for the rest.
func NewNotifier(getenv func(string) string, pid int) (*Notifier, error) {
	n := &Notifier{socket: getenv("NOTIFY_SOCKET")}
	switch {
	case n.socket == "":
		return nil, nil
	case n.socket[0] != '/' && n.socket[0] != '@':
		return nil, fmt.Errorf("NOTIFY_SOCKET %q is neither a path nor an abstract name", n.socket)
	}
	usec := getenv("WATCHDOG_USEC")
	if who := getenv("WATCHDOG_PID"); usec == "" || who != "" && who != strconv.Itoa(pid) {
		return n, nil
	}
	us, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || us <= 0 || us > int64(24*time.Hour/time.Microsecond) {
		return n, fmt.Errorf("WATCHDOG_USEC %q is no time: the supervisor's watchdog is not fed", usec)
	}
	n.alive = time.Duration(us) * time.Microsecond
	return n, nil
}

// Timeout is how long the supervisor waits for NotifyAlive; 0 = it does not.
func (n *Notifier) Timeout() time.Duration {
	if n == nil {
		return 0
	}
	return n.alive
}

// Status is a line for a person who asks the supervisor.
func Status(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return "STATUS=" + strings.ToValidUTF8(text[:min(len(text), statusMax)], "")
}

// Send tells the supervisor, in one datagram.
func (n *Notifier) Send(lines ...string) error {
	if n == nil {
		return nil
	}
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: n.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify the supervisor: %w", err)
	}
	defer c.Close()
	if err = c.SetWriteDeadline(time.Now().Add(notifyWithin)); err == nil {
		_, err = c.Write([]byte(strings.Join(lines, "\n")))
	}
	if err != nil {
		return fmt.Errorf("notify the supervisor: %w", err)
	}
	return nil
}
