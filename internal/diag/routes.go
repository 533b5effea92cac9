package diag

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldpost/internal/http1"
)

// defaultPeek is how many records a peek returns when it does not say.
const defaultPeek = 10

// route is one line of the table of contents and its handler: answer or stream.
type route struct {
	Route
	answer func(context.Context, request) (any, error)
	stream func(context.Context, request, *http1.Answer) error
	within time.Duration // for the answer; 0 = ServerOptions.AnswerWithin
}

// request is what came with the head of a request.
type request struct {
	query url.Values
	body  []byte
}

// table lists the routes that the Provider has answers for.
func (s *Server) table() []route {
	p := s.o.Provider
	all := []route{
		{Route: Route{Method: http1.MethodGet, Path: "/v1/", Help: "this table of contents"}, answer: s.contents},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/status", Help: "the chain from board to hub, and the queue"}, answer: answer(p.Status)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/history", Help: "the last changes of parts and sensors"}, answer: answer(p.History)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/events", Help: "what happens, live, as server-sent events", Params: "types"}, stream: s.follow()},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/sensors", Help: "every sensor with its last reading"}, answer: answer(p.Sensors)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/sensors/read", Help: "a sample of one sensor, taken now", Params: "name"}, answer: about(p.ReadSensor, nameOf)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/queue", Help: "the queue, what was lost, dead letters"}, answer: answer(p.Queue)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/queue/peek", Help: "the records that are drained next", Params: "class, n"}, answer: about(p.Peek, peekOf)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/queue/export", Help: "every queued record, as JSON lines"}, stream: s.export()},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/queue/dead", Help: "the dead letters, without their bodies"}, answer: answer(p.Dead)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/queue/dead/show", Help: "one dead letter, whole", Params: "id"}, answer: about(p.DeadShow, idOf)},
		{Route: Route{Method: http1.MethodPost, Path: "/v1/queue/dead/retry", Changes: true, Help: "put dead letters back into the queue", Params: "ids or all"},
			answer: about(p.RetryDead, selectionOf)},
		{Route: Route{Method: http1.MethodPost, Path: "/v1/queue/dead/drop", Changes: true, Help: "give dead letters up, and count them as lost", Params: "ids or all"},
			answer: about(p.DropDead, selectionOf)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/commands", Help: "what may be commanded and what was"}, answer: answer(p.Commands)},
		{Route: Route{Method: http1.MethodPost, Path: "/v1/commands", Changes: true, Help: "carry out a command", Params: "id, name, args, within_s"},
			answer: about(p.Command, commandOf), within: maxCommand + ownWait},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/log", Help: "the end of the log, as text", Params: "lines, level, follow"}, stream: s.log()},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/loglevel", Help: "the least level that is logged"}, answer: answer(p.LogLevel)},
		{Route: Route{Method: http1.MethodPost, Path: "/v1/loglevel", Changes: true, Help: "set that, for a while or until the restart", Params: "level, for_s"},
			answer: about(p.SetLogLevel, levelRequestOf)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/metrics", Help: "figures in the text format of Prometheus"}, answer: metrics(p.Metrics)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/bundle", Owner: true, Help: "all there is to know, as tar.gz"}, stream: s.bundle()},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/pprof/heap", Owner: true, Help: "a profile of the memory in use"}, answer: memory(false)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/pprof/allocs", Owner: true, Help: "a profile of all memory that was ever taken"}, answer: memory(true)},
		{Route: Route{Method: http1.MethodGet, Path: "/v1/pprof/goroutine", Owner: true, Help: "what every goroutine does"}, answer: goroutines},
		{Route: Route{Method: http1.MethodPost, Path: "/v1/probe", Changes: true, Help: "look at the hardware: buses, and the parts on them", Params: "bus"},
			answer: about(p.Probe, probeOf), within: ProbeWithin},
		{Route: Route{Method: http1.MethodPost, Path: "/v1/flush", Changes: true, Help: "write the queue to disk now"}, answer: answer(p.Flush)},
	}
	return slices.DeleteFunc(all, func(r route) bool { return r.answer == nil && r.stream == nil })
}

// answer makes a handler of a function that wants to know nothing.
func answer[T any](f func(context.Context) (T, error)) func(context.Context, request) (any, error) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, _ request) (any, error) { return f(ctx) }
}

// about makes a handler of a function and of what reads its argument.
func about[A, T any](f func(context.Context, A) (T, error), read func(request) (A, error)) func(context.Context, request) (any, error) {
	if f == nil {
		return nil
	}
	return func(ctx context.Context, r request) (any, error) {
		a, err := read(r)
		if err != nil {
			return nil, err
		}
		return f(ctx, a)
	}
}

func (s *Server) contents(context.Context, request) (any, error) {
	c := Contents{Version: Version, PID: os.Getpid()}
	for _, r := range s.routes {
		c.Routes = append(c.Routes, r.Route)
	}
	return c, nil
}

func peekOf(r request) (Peek, error) {
	p := Peek{Class: r.query.Get("class"), N: defaultPeek}
	if p.Class != "" && !slices.Contains(Classes(), p.Class) {
		return Peek{}, badRequest(fmt.Sprintf("no class %q", clean(p.Class)), "one of "+strings.Join(Classes(), ", "))
	}
	if text := r.query.Get("n"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > MaxPeek {
			return Peek{}, badRequest(fmt.Sprintf("n is %q", clean(text)), fmt.Sprintf("a number from 1 to %d; the export has everything", MaxPeek))
		}
		p.N = n
	}
	return p, nil
}

func nameOf(r request) (string, error) {
	name := r.query.Get("name")
	if name == "" {
		return "", badRequest("no name given", "GET /v1/sensors lists them")
	}
	return name, nil
}

func idOf(r request) (string, error) {
	id := r.query.Get("id")
	if id == "" {
		return "", badRequest("no id given", "GET /v1/queue/dead lists them")
	}
	return id, nil
}

// selectionOf demands a clear word: an empty body is not everything.
func selectionOf(r request) (Selection, error) {
	var s Selection
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	const hint = `{"ids":["..."]} or {"all":true}`
	if err := d.Decode(&s); err != nil {
		return Selection{}, badRequest("body: "+err.Error(), hint)
	}
	if d.More() {
		return Selection{}, badRequest("body: more than one JSON value", hint)
	}
	if s.All == (len(s.IDs) > 0) {
		return Selection{}, badRequest("body: either ids or all", hint)
	}
	return s, nil
}

// only refuses parameters of the query that a route does not know, and those given twice.
func (r request) only(route Route) error {
	var names []string
	hint := "none is known here"
	if route.Method == http1.MethodGet && route.Params != "" {
		names = strings.Split(route.Params, ", ")
		hint = "known here: " + route.Params
	}
	for name, values := range r.query {
		switch {
		case !slices.Contains(names, name):
			return badRequest(fmt.Sprintf("no parameter %q", clean(name)), hint)
		case len(values) > 1:
			return badRequest(fmt.Sprintf("parameter %q is there twice", name), "")
		}
	}
	return nil
}

func badRequest(message, hint string) error { return refusal(http1.StatusBadRequest, message, hint) }
