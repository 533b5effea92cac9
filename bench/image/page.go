package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// webPassword opens the pages of the card.
const webPassword = "barn-door-42-open"

// ask asks the card's web page, by the port of this machine that leads there.
func (g *guest) ask(ctx context.Context, method, target, password string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", g.web, target), nil)
	if err != nil {
		return 0, "", err
	}
	if password != "" {
		r.SetBasicAuth("gokrazy", password)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// pages looks at the card over the network, as far as its password lets one.
func (p *proof) pages(ctx context.Context, g *guest) error {
	const log, words = "/status?path=/user/fieldpost", "queue open"
	var status int
	var page string
	// The page keeps the last lines of each program, and QEMU's network takes
	// connections before the card does.
	shown := p.until(ctx, "the log on the web page", func() bool {
		var err error
		status, page, err = g.ask(ctx, http.MethodGet, log, webPassword)
		return err == nil && status == http.StatusOK && strings.Contains(page, words)
	})
	p.check("the card's web page, with its password", "the agent's log", fmt.Sprintf("%d, %q: %s", status, words, found(shown)), shown == nil)
	for _, c := range []struct {
		what, method, target, password string
		want                           int
	}{
		{"without one", http.MethodGet, log, "", http.StatusUnauthorized},
		{"with another", http.MethodGet, log, webPassword[1:], http.StatusUnauthorized},
		{"to reboot", http.MethodPost, "/reboot", webPassword, http.StatusForbidden},
		{"to stop the agent", http.MethodPost, "/stop?path=/user/fieldpost", webPassword, http.StatusForbidden},
		{"to write the system anew", http.MethodPut, "/update/root", webPassword, http.StatusForbidden},
	} {
		status, _, err := g.ask(ctx, c.method, c.target, c.password)
		if err != nil {
			return err
		}
		p.check("the web page "+c.what, fmt.Sprint(c.want), fmt.Sprint(status), status == c.want)
	}
	before := len(p.hub.Arrived())
	goes := p.until(ctx, "a record after that", func() bool { return len(p.hub.Arrived()) > before })
	p.check("a record after that", "at the hub", found(goes), goes == nil)
	return nil
}
