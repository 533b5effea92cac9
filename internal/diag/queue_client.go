package diag

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"time"

	"fieldpost/internal/http1"
)

// Peek asks for the records that are drained next.
func (c *Client) Peek(ctx context.Context, p Peek) (answer Peeked, err error) {
	q := url.Values{"n": {strconv.Itoa(p.N)}}
	if p.Class != "" {
		q.Set("class", p.Class)
	}
	err = c.call(ctx, http1.MethodGet, "/v1/queue/peek?"+q.Encode(), nil, &answer)
	return answer, err
}

// Dead asks for the dead letters.
func (c *Client) Dead(ctx context.Context) (answer DeadLetters, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/queue/dead", nil, &answer)
	return answer, err
}

// DeadShow asks for one dead letter with its body.
func (c *Client) DeadShow(ctx context.Context, id string) (answer DeadRecord, err error) {
	err = c.call(ctx, http1.MethodGet, "/v1/queue/dead/show?"+url.Values{"id": {id}}.Encode(), nil, &answer)
	return answer, err
}

// RetryDead has dead letters put back into the queue.
func (c *Client) RetryDead(ctx context.Context, s Selection) (answer Changed, err error) {
	err = c.call(ctx, http1.MethodPost, "/v1/queue/dead/retry", s, &answer)
	return answer, err
}

// DropDead has dead letters given up.
func (c *Client) DropDead(ctx context.Context, s Selection) (answer Changed, err error) {
	err = c.call(ctx, http1.MethodPost, "/v1/queue/dead/drop", s, &answer)
	return answer, err
}

// Export copies every queued record to w, one JSON object per line, and returns
// how many. Within limits each wait for the next part, not the whole. After an
// error w holds whole lines, and maybe the beginning of one more.
func (c *Client) Export(ctx context.Context, w io.Writer) (records int, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	idle := time.AfterFunc(c.Within, func() { cancel(context.DeadlineExceeded) })
	defer idle.Stop()
	err = c.ask(ctx, http1.MethodGet, "/v1/queue/export", nil, func(resp *http1.Response) error {
		chunk := make([]byte, chunkBytes)
		for {
			n, err := resp.Body.Read(chunk)
			idle.Stop() // w may wait for a person
			if _, werr := w.Write(chunk[:n]); werr != nil {
				return &TakeError{werr}
			}
			records += bytes.Count(chunk[:n], []byte{'\n'})
			switch {
			case err == io.EOF:
				return trailed(resp)
			case err != nil:
				return err
			}
			idle.Reset(c.Within)
		}
	})
	var write *TakeError
	switch {
	case errors.As(err, &write):
		return records, fmt.Errorf("export: %w", write.error)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return records, hinted{fmt.Errorf("agent at %s broke the export off after %s", c.Path, plural(uint64(records), "record")), slowReader}
	}
	return records, err
}

// TakeError is a fault of whoever takes what is streamed, not of the agent.
type TakeError struct{ error }

func (e *TakeError) Unwrap() error { return e.error }

// taker tells the faults of a writer from those of what is copied to it.
type taker struct{ io.Writer }

func (t taker) Write(b []byte) (int, error) {
	n, err := t.Writer.Write(b)
	if err != nil {
		err = &TakeError{err}
	}
	return n, err
}

// trailed returns what the agent said behind an export.
func trailed(resp *http1.Response) error {
	text := resp.Trailer.Get(problemTrailer)
	if text == "" {
		return nil
	}
	answer := &AnswerError{Status: resp.Status}
	if json.Unmarshal([]byte(text), &answer.Problem) != nil || answer.Message == "" {
		return &strangerError{fmt.Errorf("its export ended with %q", clean(text))}
	}
	return answer
}
