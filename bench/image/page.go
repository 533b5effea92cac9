package main

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// webPassword opens the pages of the card.
const webPassword = "barn-door-42-open"

// fetch asks the card's web page, by the port of this machine that leads there.
func (g *guest) fetch(ctx context.Context, method, target, password string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, fmt.Sprintf("http://127.0.0.1:%d%s", g.web, target), nil)
	if err != nil {
		return nil, err
	}
	if password != "" {
		r.SetBasicAuth("gokrazy", password)
	}
	return http.DefaultClient.Do(r)
}

// ask returns a whole answer of the web page.
func (g *guest) ask(ctx context.Context, method, target, password string) (status int, body string, err error) {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	answer, err := g.fetch(ctx, method, target, password)
	if err != nil {
		return 0, "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(text), err
}

// follow reads a stream of the web page until it has those words.
func (g *guest) follow(ctx context.Context, target, words string) error {
	ctx, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	answer, err := g.fetch(ctx, http.MethodGet, target, webPassword)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); ; {
		switch {
		case !lines.Scan():
			return fmt.Errorf("%d: the stream ended: %w", answer.StatusCode, cmp.Or(lines.Err(), io.EOF))
		case strings.Contains(lines.Text(), words):
			return nil
		}
	}
}

// pages looks at the card over the network, as far as its password lets one.
func (p *proof) pages(ctx context.Context, g *guest) error {
	const state, log, words = "/status?path=/user/fieldpost", "/log?path=/user/fieldpost&stream=stderr", "queue open"
	var status int
	// QEMU's network takes connections before the card does.
	shown := p.until(ctx, "the web page", func() bool {
		var page string
		var err error
		status, page, err = g.ask(ctx, http.MethodGet, state, webPassword)
		return err == nil && strings.Contains(page, "Raspberry Pi 3")
	})
	p.check("the card's web page, with its password", "200, and the board's name", fmt.Sprintf("%d, %s", status, found(shown)), shown == nil && status == http.StatusOK)
	followed := g.follow(ctx, log, words)
	p.check("the log there, as it grows", "the agent's lines", fmt.Sprintf("%q: %s", words, found(followed)), followed == nil)
	for _, c := range []struct {
		what, method, target, password string
		want                           int
	}{
		{"without one", http.MethodGet, log, "", http.StatusUnauthorized},
		{"with another", http.MethodGet, state, webPassword[1:], http.StatusUnauthorized},
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
