package top

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"fieldpost/internal/diag"
)

// Options says what is shown.
type Options struct {
	Client *diag.Client  // asked for everything; no default
	Every  time.Duration // between two questions; no default
	Colour bool
	ASCII  bool // no characters but ASCII
}

// answer is what came of a question.
type answer struct {
	Snapshot
	err error
}

func (o Options) ask(ctx context.Context) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a.err = fmt.Errorf("ask the agent: panic: %v", p)
		}
	}()
	if a.Status, a.err = o.Client.Status(ctx); a.err != nil {
		return a
	}
	sensors, err := o.Client.Sensors(ctx)
	if err != nil {
		a.err = err
		return a
	}
	commands, err := o.Client.Commands(ctx)
	a.Sensors, a.Commands, a.err = sensors.Sensors, commands.Journal, err
	a.At = time.Now()
	return a
}

// follow tells of what happens in the agent, so that it is seen at once and not with
// the next question. An agent that goes is followed again when it is back.
func (o Options) follow(ctx context.Context, happened chan<- struct{}) {
	tell := func() {
		select {
		case happened <- struct{}{}:
		default:
		}
	}
	types := []string{diag.EventPart, diag.EventLink, diag.EventSensor, diag.EventCommand}
	for ctx.Err() == nil {
		err := o.Client.Events(ctx, types, nil, func(diag.Event) error { tell(); return nil })
		if errors.Is(err, diag.ErrAgentLeft) {
			tell()
		}
		select {
		case <-ctx.Done():
		case <-time.After(redraw/2 + rand.N(redraw)):
		}
	}
}

// Once prints one frame of that many columns, however many lines it has. Columns 0
// is a frame as wide as it is.
func Once(ctx context.Context, w io.Writer, o Options, columns int) error {
	a := o.ask(ctx)
	if a.err != nil {
		return a.err
	}
	v := View{ASCII: o.ASCII}
	v.Take(a.Snapshot)
	_, err := io.WriteString(w, strings.Join(v.Frame(columns, 0, a.At, o.Colour), "\n")+"\n")
	return err
}

// Screen is the terminal that Run shows frames on.
type Screen interface {
	Size() (columns, rows int)
	Show(text string) error   // writes text as it is
	Typed() <-chan string     // closed when nothing more can be typed
	Changed() <-chan struct{} // the size may have changed, or the terminal was somebody else's for a while
}

// errGone ends Run when the terminal has.
var errGone = errors.New("the terminal is gone")

// redraw is how often a frame is drawn anew although nothing came: ages go on.
const redraw = time.Second

// soon is how long after an event the agent is asked: others may follow it.
const soon = 100 * time.Millisecond

// Run shows what the agent says until somebody quits or ctx ends; both are nil. It
// returns an error when the terminal cannot be written to any more.
func Run(ctx context.Context, s Screen, o Options) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	v := View{ASCII: o.ASCII}
	answers := make(chan answer, 1)
	asking, hurried := true, false
	ask := func() { answers <- o.ask(ctx) }
	go ask()
	happened := make(chan struct{}, 1)
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		o.follow(ctx, happened)
	}()
	defer func() {
		cancel()
		<-followed
	}()
	draw := time.NewTicker(redraw)
	defer draw.Stop()
	next := time.NewTimer(o.Every)
	next.Stop()
	typed := s.Typed()
	for {
		columns, rows := s.Size()
		if err := s.Show(paint(v.Frame(columns, rows, time.Now(), o.Colour))); err != nil {
			return fmt.Errorf("%w: %w", errGone, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case a := <-answers:
			if a.err != nil {
				v.Miss(a.err, time.Now())
			} else {
				v.Take(a.Snapshot)
			}
			asking, hurried = false, false
			next.Reset(o.Every)
		case <-next.C:
			if !asking {
				asking = true
				go ask()
			}
		case <-happened:
			if !asking && !hurried {
				hurried = true
				next.Reset(soon)
			}
		case <-s.Changed():
		case text, ok := <-typed:
			if !ok {
				return errGone
			}
			for _, k := range keys(text) {
				if !v.press(k, rows) {
					return nil
				}
			}
		case <-draw.C:
		}
	}
}

// paint makes one write of a frame. What was there is written over and never
// cleared first, so that nothing flickers.
func paint(lines []string) string {
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(l + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	return b.String()
}
