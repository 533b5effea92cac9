package diag

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func reading(sensor string) Event {
	return Event{Type: EventReading, Reading: &EventOfReading{Sensor: sensor}}
}

// followed starts a client and waits until it follows.
func followed(t *testing.T, path string, types []string, take func(Event) error) (ended chan error, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended, opened := make(chan error, 1), make(chan struct{})
	go func() { ended <- NewClient(path).Events(ctx, types, func() { close(opened) }, take) }()
	select {
	case <-opened:
	case err := <-ended:
		t.Fatalf("never opened: %v", err)
	case <-time.After(hang):
		t.Fatal("never opened")
	}
	return ended, cancel
}

func within(t *testing.T, ended chan error) error {
	t.Helper()
	select {
	case err := <-ended:
		return err
	case <-time.After(hang):
		t.Fatal("does not end")
		return nil
	}
}

func TestEventsArriveInOrderAndByType(t *testing.T) {
	e := NewEvents()
	path := serve(t, ServerOptions{Provider: Provider{Events: e}})
	done := errors.New("enough")
	var got []string
	ended, _ := followed(t, path, []string{EventReading, EventQueue}, func(ev Event) error {
		got = append(got, fmt.Sprint(ev.ID, ev.Type))
		if ev.Type == EventQueue {
			return done
		}
		return nil
	})
	if e.Wanted(EventCommand) || !e.Wanted(EventCommand, EventQueue) {
		t.Error("wanted is not what is followed")
	}
	e.Publish(reading("a"))
	e.Publish(Event{Type: EventCommand, Command: &EventOfCommand{}})
	e.Publish(reading("b"))
	e.Publish(Event{Type: EventQueue, Queue: &EventOfQueue{}})
	if err := within(t, ended); !errors.Is(err, done) {
		t.Errorf("ended with %v", err)
	}
	if want := []string{"1reading", "2reading", "3queue"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A reader that does not keep up loses events, is told how many, and holds up
// neither the agent nor another reader.
func TestSlowReaderIsTold(t *testing.T) {
	const all = 20_000
	e := NewEvents()
	path := serve(t, ServerOptions{Provider: Provider{Events: e}})
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET /v1/events HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 1)
	if _, err := io.ReadFull(conn, head); err != nil { // it follows, and reads no more
		t.Fatal(err)
	}
	for range all {
		e.Publish(reading("a sensor of a name that is not short"))
	}
	e.mu.Lock()
	for f := range e.readers {
		if len(f.waiting) > maxWaitingEvents || f.bytes > maxWaitingBytes {
			t.Errorf("%d events, %d bytes wait", len(f.waiting), f.bytes)
		}
	}
	e.mu.Unlock()
	if err := conn.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(strings.NewReader(string(head)), conn)), nil)
	if err != nil {
		t.Fatal(err)
	}
	var seen, dropped uint64
	lines := bufio.NewScanner(resp.Body)
	for seen+dropped < all && lines.Scan() {
		var n uint64
		switch text := lines.Text(); {
		case strings.HasPrefix(text, "event: reading"):
			seen++
		case strings.HasPrefix(text, "data: ") && strings.Contains(text, `"dropped":{`):
			if _, err := fmt.Sscanf(text[strings.Index(text, `{"events":`):], `{"events":%d}`, &n); err != nil {
				t.Fatal(err)
			}
			dropped += n
		}
	}
	if seen+dropped != all || seen == 0 || dropped == 0 {
		t.Errorf("%d seen and %d dropped of %d", seen, dropped, all)
	}
}

func TestEventsAreBounded(t *testing.T) {
	e := NewEvents()
	path := serve(t, ServerOptions{MaxStreams: 2, Provider: Provider{Events: e, Status: returns(Status{}, nil)}})
	_, stop := followed(t, path, nil, func(Event) error { return nil })
	followed(t, path, nil, func(Event) error { return nil })
	var answer *AnswerError
	err := NewClient(path).Events(t.Context(), nil, nil, nil)
	if !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable || Hint(err) == "" {
		t.Errorf("the third: %v", err)
	}
	if _, err := NewClient(path).Status(t.Context()); err != nil {
		t.Errorf("status meanwhile: %v", err)
	}
	stop()
	for end := time.Now().Add(hang); ; { // the place is free once the server has noticed
		ctx, cancel := context.WithCancel(t.Context())
		err := NewClient(path).Events(ctx, nil, cancel, nil)
		if errors.Is(err, context.Canceled) {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the place is not given back: %v", err)
		}
	}
}

func TestEventsOfNoSuchType(t *testing.T) {
	path := serve(t, ServerOptions{Provider: Provider{Events: NewEvents()}})
	for query, want := range map[string]string{
		"?types=reading,smell": `no events of type "smell"`, "?types=,": `no events of type ""`, "?type=reading": "no parameter", "?types=link&types=part": "twice",
	} {
		status, _, body := ask(t, "unix", path, "GET /v1/events"+query+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if status != http.StatusBadRequest || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), want) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

// Who hears nothing for long is still told that the agent lives; an agent that
// ends says so by ending the stream.
func TestEventsBeatAndEnd(t *testing.T) {
	t.Parallel()
	l, err := Listen(tempPath(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	s := NewServer(ServerOptions{Heartbeat: 300 * time.Millisecond, ReadWithin: 500 * time.Millisecond, Provider: Provider{Events: NewEvents()}})
	go func() { served <- s.Serve(ctx, l) }()
	beats := 0
	err = NewClient(l.Addr().String()).lines(t.Context(), "/v1/events", true, nil, func(line []byte) error {
		if strings.Contains(string(line), "still here") {
			if beats++; beats == 3 {
				cancel()
			}
		}
		return nil
	})
	if !errors.Is(err, ErrAgentLeft) || beats < 3 {
		t.Errorf("%d beats, then %v", beats, err)
	}
	if err := within(t, served); err != nil {
		t.Error(err)
	}
}
