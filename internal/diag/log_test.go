package diag

import (
	"errors"
	"fieldpost/internal/http1"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
)

func logger(r *LogRing) *slog.Logger {
	return slog.New(slog.NewTextHandler(r, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func TestLogRingForgetsTheOldest(t *testing.T) {
	const most = 10_000
	r := NewLogRing(most)
	log := logger(r)
	for i := range 1000 {
		log.Info("line", "n", i)
	}
	log.Info(strings.Repeat("x", 2*most))
	text := string(r.Tail(most))
	if len(text) > most || !strings.Contains(text, "n=999") || strings.Contains(text, "n=1 ") || !strings.HasSuffix(text, "x\n") {
		t.Errorf("%d bytes: %.300s", len(text), text)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	held := 0
	for _, l := range r.lines {
		held += len(l.text) + lineCost
	}
	if held != r.bytes || held > most {
		t.Errorf("%d bytes are held, %d counted, %d are the bound", held, r.bytes, most)
	}
}

func TestLogByLevelAndNumber(t *testing.T) {
	ring := NewLogRing(RingBytes)
	log := logger(ring)
	for i := range 10 {
		log.Debug("quiet", "n", i)
		log.Warn("loud", "n", i)
	}
	_, _ = ring.Write([]byte("no level at all"))
	path := serve(t, ServerOptions{Provider: Provider{Log: ring}})
	for _, c := range []struct {
		q    LogQuery
		want []string // ends of lines
	}{
		{LogQuery{Lines: 3}, []string{"quiet n=9", "loud n=9", "no level at all"}},
		{LogQuery{Lines: 3, Level: "warn"}, []string{"loud n=8", "loud n=9", "no level at all"}},
		{LogQuery{Lines: 1, Level: "error"}, []string{"no level at all"}},
		{LogQuery{Lines: 0}, nil},
	} {
		var got []string
		if err := NewClient(path).Log(t.Context(), c.q, nil, func(line []byte) error {
			_, end, found := strings.Cut(string(line), "msg=")
			if !found {
				end = string(line)
			}
			got = append(got, end)
			return nil
		}); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: %q, %v; want %q", c.q, got, err, c.want)
		}
	}
	for query, want := range map[string]string{"lines=-1": "lines is", "level=loud": "no level", "follow=yes": "follow is", "n=3": "no parameter"} {
		status, _, body := ask(t, "unix", path, "GET /v1/log?"+query+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if status != http1.StatusBadRequest || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", query, status, body)
		}
	}
}

func TestLogIsFollowed(t *testing.T) {
	ring := NewLogRing(RingBytes)
	log := logger(ring)
	log.Info("before")
	path := serve(t, ServerOptions{Provider: Provider{Log: ring}})
	done := errors.New("enough")
	var got []string
	err := NewClient(path).Log(t.Context(), LogQuery{Lines: 1, Level: "info", Follow: true}, nil, func(line []byte) error {
		got = append(got, string(line))
		switch len(got) {
		case 1:
			log.Debug("not this one")
			log.Info("after")
		case 2:
			return done
		}
		return nil
	})
	if !errors.Is(err, done) || !strings.HasSuffix(got[0], "before") || !strings.HasSuffix(got[1], "after") {
		t.Errorf("got %q, %v", got, err)
	}
}

// A reader whom the ring has overtaken is told how many lines that were.
func TestLogThatWasMissed(t *testing.T) {
	r := NewLogRing(2000)
	for i := range 100 {
		fmt.Fprintf(r, "level=INFO msg=%d\n", i)
	}
	var b strings.Builder
	buf := new(page)
	next, forgotten, _ := r.from(10, slog.LevelDebug, &buf.Buffer, 1<<20)
	b.WriteString(buf.String())
	if next != 100 || forgotten == 0 || int(forgotten)+strings.Count(b.String(), "\n") != 90 {
		t.Errorf("next %d, %d forgotten, %d lines", next, forgotten, strings.Count(b.String(), "\n"))
	}
}
