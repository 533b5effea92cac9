package diag

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"fieldpost/internal/http1"
)

// Provider is where the answers come from. Every function returns when its
// context ends and may be called by several goroutines at once; the error it
// returns is shown to the technician, with the hint of Hint, and with the status
// of an AnswerError where it is one. The route of a nil function does not exist.
type Provider struct {
	Status   func(context.Context) (Status, error)
	History  func(context.Context) (History, error)
	Events   *Events
	Sensors  func(context.Context) (Sensors, error)
	Queue    func(context.Context) (QueueReport, error)
	Commands func(context.Context) (Commands, error)
	Command  func(context.Context, CommandRequest) (CommandAnswer, error) // PeerFrom tells who asked
	Flush    func(context.Context) (Flushed, error)                       // PeerFrom tells who asked

	Log         *LogRing
	LogLevel    func(context.Context) (LogLevel, error)
	SetLogLevel func(context.Context, SetLogLevel) (LogLevel, error)
	Metrics     func(context.Context, *Metrics)
	Bundle      func(context.Context, io.Writer) error

	ReadSensor func(ctx context.Context, name string) (Sensors, error) // takes a sample now
	Probe      func(context.Context, ProbeRequest) (Probe, error)      // looks at the hardware now

	Peek      func(context.Context, Peek) (Peeked, error)
	Export    func(ctx context.Context, emit func(Record) error) error // ends with the error of emit
	Dead      func(context.Context) (DeadLetters, error)
	DeadShow  func(ctx context.Context, id string) (DeadRecord, error)
	RetryDead func(context.Context, Selection) (Changed, error)
	DropDead  func(context.Context, Selection) (Changed, error)
}

// ServerOptions bounds what a client may take.
type ServerOptions struct {
	Provider     Provider
	HeaderWithin time.Duration // the head of a request must be there; default 5 s
	ReadWithin   time.Duration // the whole request must be there; default 10 s
	AnswerWithin time.Duration // the context of a Provider function ends; default 10 s
	WriteWithin  time.Duration // the answer must be taken, counted from the head of the request; default 30 s
	ChunkWithin  time.Duration // each part of an export must be taken, in place of WriteWithin; default 10 s
	ExportWithin time.Duration // a whole export must be taken; default 10 min
	StallWithin  time.Duration // each part of what is followed must be taken; default 60 s
	Heartbeat    time.Duration // between two signs of life to who follows; default DefaultHeartbeat
	StopWithin   time.Duration // requests under way at the end may finish; default 1 s
	MaxHead      int64         // bytes of a request's head; default 8192 bytes
	MaxBody      int64         // bytes of a request's body; default 65536 bytes
	MaxConns     int           // connections at once, beyond which those go that ask nothing; default 24
	MaxStreams   int           // of these, readers of events and log that stay; default 8
	Log          *slog.Logger  // default: discard
}

// DefaultHeartbeat is the time between two signs of life to who follows events.
const DefaultHeartbeat = 15 * time.Second

// Server answers on a socket.
type Server struct {
	o         ServerOptions
	routes    []route       // the table of contents
	exporting chan struct{} // holds one while an export or a bundle is under way
	streams   chan struct{} // holds one for each reader that stays
}

// NewServer makes a server; Serve runs it.
func NewServer(o ServerOptions) *Server {
	o.HeaderWithin = cmp.Or(o.HeaderWithin, 5*time.Second)
	o.ReadWithin = cmp.Or(o.ReadWithin, 10*time.Second)
	o.AnswerWithin = cmp.Or(o.AnswerWithin, 10*time.Second)
	o.WriteWithin = cmp.Or(o.WriteWithin, 30*time.Second)
	o.ChunkWithin = cmp.Or(o.ChunkWithin, 10*time.Second)
	o.ExportWithin = cmp.Or(o.ExportWithin, 10*time.Minute)
	o.StallWithin = cmp.Or(o.StallWithin, time.Minute)
	o.Heartbeat = cmp.Or(o.Heartbeat, DefaultHeartbeat)
	o.StopWithin = cmp.Or(o.StopWithin, time.Second)
	o.MaxHead = cmp.Or(o.MaxHead, 8192)
	o.MaxBody = cmp.Or(o.MaxBody, 65536)
	o.MaxConns = cmp.Or(o.MaxConns, 24)
	o.MaxStreams = cmp.Or(o.MaxStreams, 8)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Server{o: o, exporting: make(chan struct{}, 1), streams: make(chan struct{}, o.MaxStreams)}
	s.routes = s.table()
	return s
}

// Serve answers until ctx ends, then closes l and returns nil. It returns an
// error when l fails before.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	h := &http1.Server{
		Handler:       s.handle,
		HeadWithin:    s.o.HeaderWithin,
		RequestWithin: s.o.ReadWithin,
		AnswerWithin:  s.o.WriteWithin,
		StopWithin:    s.o.StopWithin,
		MaxHead:       s.o.MaxHead,
		MaxConns:      s.o.MaxConns,
		ConnContext:   withPeer,
		Log:           s.o.Log,
	}
	if err := h.Serve(ctx, l); err != nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return nil
}

// handle finds the route of a request and answers in JSON, whatever happens.
func (s *Server) handle(ctx context.Context, w *http1.Answer, r *http1.Asked) {
	found, methods := s.find(r)
	switch {
	case methods == nil:
		reply(w, http1.StatusNotFound, Problem{"no such route: " + clean(r.URL.Path), "GET /v1/ lists them"})
		return
	case found == nil:
		w.Header().Set("Allow", strings.Join(methods, ", "))
		reply(w, http1.StatusMethodNotAllowed, Problem{clean(r.Method) + " is not possible here", "use " + strings.Join(methods, ", ")})
		return
	}
	if found.Changes || found.Owner {
		if err := isOwner(ctx, found.Changes); err != nil {
			reply(w, http1.StatusForbidden, Problem{err.Error(), "run it as root or as the agent's user"})
			return
		}
	}
	if err := s.serve(ctx, w, r, found); err != nil {
		replyError(w, err)
	}
}

// serve answers a request that may be answered. What it returns is still to be said.
func (s *Server) serve(ctx context.Context, w *http1.Answer, r *http1.Asked, found *route) error {
	body, err := r.ReadBody(s.o.MaxBody)
	if err != nil {
		var large *http1.TooLargeError
		if errors.As(err, &large) {
			return refusal(http1.StatusRequestEntityTooLarge, large.Error(), "")
		}
		return refusal(http1.StatusBadRequest, "request was not received: "+err.Error(), "")
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return refusal(http1.StatusBadRequest, "query: "+err.Error(), "")
	}
	q := request{query: query, body: body}
	if err := q.only(found.Route); err != nil {
		return err
	}
	if found.stream != nil {
		return found.stream(ctx, q, w)
	}
	within := s.o.AnswerWithin
	if found.within > 0 {
		within = found.within
		if err := w.SetWriteDeadline(time.Now().Add(within + s.o.WriteWithin)); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	answer, err := found.answer(ctx, q)
	if err != nil {
		return err
	}
	if text, is := answer.(raw); is {
		w.Header().Set("Content-Type", text.kind)
		_, _ = w.Write(text.body)
		return nil
	}
	reply(w, http1.StatusOK, answer)
	return nil
}

// find returns the route of a request, and the methods that its path has.
func (s *Server) find(r *http1.Asked) (found *route, methods []string) {
	for i := range s.routes {
		if s.routes[i].Path != r.URL.Path {
			continue
		}
		methods = append(methods, s.routes[i].Method)
		if s.routes[i].Method == r.Method {
			found = &s.routes[i]
		}
	}
	return found, methods
}

// replyError says what went wrong, with the status that its kind has.
func replyError(w *http1.Answer, err error) {
	status, problem := problemOf(err)
	reply(w, status, problem)
}

func problemOf(err error) (status int, p Problem) {
	var answer *AnswerError
	switch {
	case errors.As(err, &answer):
		return answer.Status, answer.Problem
	case errors.Is(err, context.DeadlineExceeded):
		return http1.StatusGatewayTimeout, Problem{err.Error(), Hint(err)}
	}
	return http1.StatusInternalServerError, Problem{err.Error(), Hint(err)}
}

// refusal is an answer that is none, with the status to give it.
func refusal(status int, message, hint string) error {
	return &AnswerError{Status: status, Problem: Problem{Message: message, Hint: hint}}
}

// reply encodes before it writes, so that what cannot be encoded is a 500.
func reply(w *http1.Answer, status int, body any) {
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(body); err != nil {
		b.Reset()
		status = http1.StatusInternalServerError
		_ = json.NewEncoder(&b).Encode(Problem{Message: "encode answer: " + err.Error()})
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// Hint returns the hint of the first error in err's chain that has one.
func Hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
