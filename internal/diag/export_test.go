package diag

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// chunk of big fill one, and more.
const chunk = 20

// big is a record of which a few fill a chunk.
func big(i int) Record {
	return Record{MessageID: fmt.Sprint(i), BodyBase64: bytes.Repeat([]byte{byte(i)}, 10_000)}
}

// An export that ends early says so, behind whole lines.
func TestExportThatFails(t *testing.T) {
	t.Parallel()
	path := serve(t, ServerOptions{ExportWithin: time.Second, Provider: Provider{
		Export: func(ctx context.Context, emit func(Record) error) error {
			for i := range chunk {
				if err := emit(big(i)); err != nil {
					return err
				}
			}
			<-ctx.Done()
			return ctx.Err()
		},
	}})
	var lines bytes.Buffer
	_, err := NewClient(path).Export(t.Context(), &lines)
	var answer *AnswerError
	if !errors.As(err, &answer) || !strings.Contains(err.Error(), "took too long") || Hint(err) == "" {
		t.Errorf("got %v, hint %q", err, Hint(err))
	}
	if lines.Len() == 0 {
		t.Error("nothing of what came before the fault has arrived")
	}
}

// A reader that stops taking is cut off, sees that it has not everything, and
// leaves the export to the next one, who was refused until then.
func TestExportToASlowReader(t *testing.T) {
	refused, ended := make(chan struct{}), make(chan error, 1)
	path := serve(t, ServerOptions{ChunkWithin: 50 * time.Millisecond, Provider: Provider{
		Export: func(_ context.Context, emit func(Record) error) error {
			for i := 0; ; i++ {
				if i == chunk {
					<-refused
				}
				if err := emit(big(i)); err != nil {
					ended <- err
					return err
				}
			}
		},
	}})
	slow, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	if _, err := io.WriteString(slow, "GET /v1/queue/export HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	first := make([]byte, 1)
	if _, err := io.ReadFull(slow, first); err != nil {
		t.Fatal(err)
	}
	var answer *AnswerError
	if _, err := NewClient(path).Export(t.Context(), io.Discard); !errors.As(err, &answer) || answer.Status != http.StatusServiceUnavailable {
		t.Errorf("a second export meanwhile: %v", err)
	}
	close(refused)
	select {
	case err := <-ended:
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(hang):
		t.Fatal("the slow reader was never cut off")
	}
	if err := slow.SetDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(io.MultiReader(bytes.NewReader(first), slow)), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the part looks like a whole: %v", err)
	}
}

// An export may last longer than a request may take to arrive.
func TestExportOutlivesTheRequestsLimits(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	path := serve(t, ServerOptions{ReadWithin: limit, AnswerWithin: limit, WriteWithin: limit, Provider: Provider{
		Export: func(ctx context.Context, emit func(Record) error) error {
			over := time.After(3 * limit)
			for i := range chunk {
				if err := emit(big(i)); err != nil {
					return err
				}
			}
			select {
			case <-over:
			case <-ctx.Done():
				return ctx.Err()
			}
			return emit(big(21))
		},
	}})
	if n, err := NewClient(path).Export(t.Context(), io.Discard); err != nil || n != 21 {
		t.Errorf("got %d records, %v", n, err)
	}
}

func TestExportToAWriterThatFails(t *testing.T) {
	path := serve(t, ServerOptions{Provider: Provider{
		Export: func(_ context.Context, emit func(Record) error) error { return emit(big(1)) },
	}})
	r, w := io.Pipe()
	r.CloseWithError(errors.New("disk full"))
	if _, err := NewClient(path).Export(t.Context(), w); err == nil || err.Error() != "export: disk full" {
		t.Errorf("got %v", err)
	}
}

// What an agent that dies in the middle leaves is not taken for the whole.
func TestExportOfAStranger(t *testing.T) {
	for name, c := range map[string]struct{ answer, want string }{
		"cut off":     {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}\n{}\r\n", "broke the export off after 1 record"},
		"odd trailer": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: Problem\r\n\r\n0\r\nProblem: odd\r\n\r\n", `no agent answers at`},
		"silent":      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "did not answer within"},
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			done := make(chan struct{})
			go func() {
				defer close(done)
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				_, _ = http.ReadRequest(bufio.NewReader(conn))
				_, _ = io.WriteString(conn, c.answer)
				if name == "silent" {
					_, _ = conn.Read(make([]byte, 1))
				}
			}()
			client := &Client{Path: path, Within: hang}
			if name == "silent" {
				client.Within = 20 * time.Millisecond
			}
			if _, err := client.Export(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			<-done
		})
	}
}
