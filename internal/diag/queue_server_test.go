package diag

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestQueueRoutes(t *testing.T) {
	all := records()
	dead := DeadLetters{[]DeadLetter{{MessageID: all[0].MessageID, Kind: "telemetry", Class: "telemetry", Cause: "no", Bytes: 3}}}
	var asked []string
	note := func(format string, args ...any) { asked = append(asked, fmt.Sprintf(format, args...)) }
	change := func(what string) func(context.Context, Selection) (Changed, error) {
		return func(ctx context.Context, s Selection) (Changed, error) {
			p, ok := PeerFrom(ctx)
			note("%s %v %v by %v %d", what, s.IDs, s.All, ok, p.PID)
			return Changed{Count: 1}, nil
		}
	}
	c := NewClient(serve(t, ServerOptions{Provider: Provider{
		Peek: func(_ context.Context, p Peek) (Peeked, error) {
			note("peek %q %d", p.Class, p.N)
			return Peeked{Records: all, More: true}, nil
		},
		Dead: returns(dead, nil),
		DeadShow: func(_ context.Context, id string) (DeadRecord, error) {
			if id != all[0].MessageID {
				return DeadRecord{}, refusal(http.StatusNotFound, "no dead letter "+id, "look")
			}
			return DeadRecord{Record: all[0], Cause: "no"}, nil
		},
		RetryDead: change("retry"),
		DropDead:  change("drop"),
		Export: func(_ context.Context, emit func(Record) error) error {
			for _, r := range all {
				if err := emit(r); err != nil {
					return err
				}
			}
			return nil
		},
	}}))
	ctx, cancel := context.WithTimeout(t.Context(), hang)
	defer cancel()
	peeked := Peeked{Records: compact(t, all), More: true}
	same(t, peeked)(c.Peek(ctx, Peek{N: MaxPeek}))
	same(t, peeked)(c.Peek(ctx, Peek{Class: "telemetry", N: 1}))
	same(t, dead)(c.Dead(ctx))
	same(t, DeadRecord{Record: compact(t, all)[0], Cause: "no"})(c.DeadShow(ctx, all[0].MessageID))
	var answer *AnswerError
	if _, err := c.DeadShow(ctx, "a b&c=d"); !errors.As(err, &answer) || answer.Status != 404 || answer.Message != "no dead letter a b&c=d" || Hint(err) != "look" {
		t.Errorf("got %v", err)
	}
	want := []string{`peek "" 100`, `peek "telemetry" 1`}
	if runtime.GOOS == "linux" {
		same(t, Changed{1})(c.RetryDead(ctx, Selection{IDs: []string{"x", "y"}}))
		same(t, Changed{1})(c.DropDead(ctx, Selection{All: true}))
		want = append(want, fmt.Sprintf("retry [x y] false by true %d", os.Getpid()), fmt.Sprintf("drop [] true by true %d", os.Getpid()))
	}
	if !reflect.DeepEqual(asked, want) {
		t.Errorf("asked\n%q, want\n%q", asked, want)
	}

	var lines bytes.Buffer
	if n, err := c.Export(ctx, &lines); err != nil || n != len(all) {
		t.Fatalf("export: %d, %v", n, err)
	}
	var got []Record
	for d := json.NewDecoder(&lines); d.More(); {
		var r Record
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
		got = append(got, r)
	}
	if !reflect.DeepEqual(got, compact(t, all)) {
		t.Errorf("export:\n%+v\nwant\n%+v", got, all)
	}
}

// compact is what arrives of records: the same, without blanks in their bodies.
func compact(t *testing.T, all []Record) []Record {
	t.Helper()
	var out []Record
	for _, r := range all {
		if r.Body != nil {
			var b bytes.Buffer
			if err := json.Compact(&b, r.Body); err != nil {
				t.Fatal(err)
			}
			r.Body = b.Bytes()
		}
		out = append(out, r)
	}
	return out
}

func TestQueueRoutesRefuse(t *testing.T) {
	touched := false
	touch := func(context.Context, Selection) (Changed, error) { touched = true; return Changed{}, nil }
	path := serve(t, ServerOptions{MaxBody: 100, Provider: Provider{
		Peek:      func(context.Context, Peek) (Peeked, error) { touched = true; return Peeked{}, nil },
		DeadShow:  func(context.Context, string) (DeadRecord, error) { touched = true; return DeadRecord{}, nil },
		Dead:      returns(DeadLetters{}, errors.New("store is closed")),
		Export:    func(context.Context, func(Record) error) error { return hintedFault{errors.New("not open yet")} },
		RetryDead: touch, DropDead: touch,
	}})
	const known = `,"hint":"{\"ids\":[\"...\"]} or {\"all\":true}"}`
	get := func(what string) string { return "GET /v1/queue/" + what + " HTTP/1.1\r\nHost: a\r\n\r\n" }
	post := func(what, body string) string {
		return fmt.Sprintf("POST /v1/queue/dead/%s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", what, len(body), body)
	}
	cases := []struct {
		request string
		status  int
		want    string
	}{
		{get("peek?class=alarms"), 400, `{"error":"no class \"alarms\"","hint":"one of alarm, result, telemetry, debug"}`},
		{get("peek?n=0"), 400, `{"error":"n is \"0\"","hint":"a number from 1 to 100; the export has everything"}`},
		{get("peek?n=101"), 400, `{"error":"n is \"101\"","hint":"a number from 1 to 100; the export has everything"}`},
		{get("peek?n=%1b"), 400, `{"error":"n is \"?\"","hint":"a number from 1 to 100; the export has everything"}`},
		{get("peek?n=1&n=2"), 400, `{"error":"parameter \"n\" is there twice"}`},
		{get("peek?m=1"), 400, `{"error":"no parameter \"m\"","hint":"known here: class, n"}`},
		{"GET /v1/?foo=1 HTTP/1.1\r\nHost: a\r\n\r\n", 400, `{"error":"no parameter \"foo\"","hint":"none is known here"}`},
		{"POST /v1/queue/dead/drop?all=true HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", 400, `{"error":"no parameter \"all\"","hint":"none is known here"}`},
		{get("peek?n=%zz"), 400, `{"error":"query: invalid URL escape \"%zz\""}`},
		{get("dead/show"), 400, `{"error":"no id given","hint":"GET /v1/queue/dead lists them"}`},
		{get("dead/show?name=x"), 400, `{"error":"no parameter \"name\"","hint":"known here: id"}`},
		{get("dead"), 500, `{"error":"store is closed"}`},
		{get("export"), 500, `{"error":"not open yet","hint":"look under it"}`},
		{get("dead/retry"), 405, `{"error":"GET is not possible here","hint":"use POST"}`},
		{post("show?id=x", ""), 405, `{"error":"POST is not possible here","hint":"use GET"}`},
	}
	if runtime.GOOS == "linux" {
		for body, want := range map[string]string{
			"":                               "body: EOF",
			"{}":                             "body: either ids or all",
			`{"ids":[]}`:                     "body: either ids or all",
			`{"ids":["x"],"all":true}`:       "body: either ids or all",
			`{"id":"x"}`:                     `body: json: unknown field \"id\"`,
			`{"all":true}{"all":true}`:       "body: more than one JSON value",
			`{"all":1}`:                      "body: json: cannot unmarshal number into Go struct field Selection.all of type bool",
			"\x00":                           `body: invalid character '\\x00' looking for beginning of value`,
			`["x"]`:                          "body: json: cannot unmarshal array into Go value of type diag.Selection",
			`{"ids":["x"],"all":false} rest`: "body: more than one JSON value",
		} {
			for _, what := range []string{"retry", "drop"} {
				cases = append(cases, struct {
					request string
					status  int
					want    string
				}{post(what, body), 400, `{"error":"` + want + `"` + known})
			}
		}
		cases = append(cases, struct {
			request string
			status  int
			want    string
		}{post("drop", `{"ids":["`+strings.Repeat("x", 100)+`"]}`), 413, `{"error":"request is larger than 100 bytes"}`})
	}
	for _, c := range cases {
		status, head, body := ask(t, "unix", path, c.request)
		if status != c.status || strings.TrimSpace(body) != c.want || head.Get("Content-Type") != "application/json" {
			t.Errorf("%.80q: %d %s, want %d %s", c.request, status, body, c.status, c.want)
		}
	}
	if touched {
		t.Error("a refused request came through")
	}
}

// Looking needs the socket, changing needs to be root or the agent's own user.
func TestQueueChangesNeedAKnownPeer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	touched := false
	touch := func(context.Context, Selection) (Changed, error) { touched = true; return Changed{}, nil }
	serveOn(t, l, ServerOptions{Provider: Provider{RetryDead: touch, DropDead: touch, Dead: returns(DeadLetters{}, nil)}})
	for _, what := range []string{"retry", "drop"} {
		status, _, body := ask(t, "tcp", l.Addr().String(), "POST /v1/queue/dead/"+what+" HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"all\":true}")
		if status != 403 || touched || !strings.Contains(body, "cannot tell who is asking") {
			t.Errorf("%s: got %d %s, touched %v", what, status, body, touched)
		}
	}
	if status, _, body := ask(t, "tcp", l.Addr().String(), "GET /v1/queue/dead HTTP/1.1\r\nHost: a\r\n\r\n"); status != 200 {
		t.Errorf("got %d %s", status, body)
	}
}
