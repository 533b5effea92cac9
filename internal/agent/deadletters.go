package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"fieldpost/internal/diag"
	"fieldpost/internal/http1"
	"fieldpost/store"
)

func (a *Agent) deadLetters(ctx context.Context) (diag.DeadLetters, error) {
	letters := diag.DeadLetters{DeadLetters: []diag.DeadLetter{}}
	dead, err := a.store.DeadLetters(ctx)
	for _, d := range dead {
		letters.DeadLetters = append(letters.DeadLetters, diag.DeadLetter{
			MessageID: d.Record.ID.String(), Kind: d.Record.Kind.String(), Class: d.Record.Class.String(),
			Subject: d.Record.Subject, Cause: d.Cause, At: d.At, Bytes: len(d.Record.Body),
		})
	}
	return letters, a.explain(err)
}

// deadLetter returns one dead letter with its body.
func (a *Agent) deadLetter(ctx context.Context, text string) (diag.DeadRecord, error) {
	id, err := parseID(text)
	if err != nil {
		return diag.DeadRecord{}, err
	}
	dead, err := a.store.DeadLetters(ctx)
	if err != nil {
		return diag.DeadRecord{}, a.explain(err)
	}
	i := slices.IndexFunc(dead, func(d store.DeadLetter) bool { return d.Record.ID == id })
	if i < 0 {
		return diag.DeadRecord{}, noDeadLetter(id)
	}
	return diag.DeadRecord{Record: a.recordOf(&dead[i].Record), Cause: dead[i].Cause, RefusedAt: dead[i].At}, nil
}

// retryDead queues dead letters again, dropDead gives them up. Both change
// nothing when one of the ids is no dead letter.
func (a *Agent) retryDead(ctx context.Context, s diag.Selection) (diag.Changed, error) {
	return a.changeDead(ctx, s, "dead letters queued again", a.store.RetryDead)
}

func (a *Agent) dropDead(ctx context.Context, s diag.Selection) (diag.Changed, error) {
	return a.changeDead(ctx, s, "dead letters given up", a.store.DropDead)
}

func (a *Agent) changeDead(ctx context.Context, s diag.Selection, what string, change func(context.Context, ...store.ID) (int, error)) (diag.Changed, error) {
	ids, err := a.selected(ctx, s)
	if err != nil || len(ids) == 0 {
		return diag.Changed{}, err
	}
	n, err := change(ctx, ids...)
	if n > 0 {
		peer, _ := diag.PeerFrom(ctx)
		a.parts.Log.Info(what, "count", n, "by_uid", peer.UID)
	}
	return diag.Changed{Count: n}, a.explain(err)
}

// selected returns the ids that s means. All is resolved here and not by the
// store: what becomes a dead letter meanwhile was not meant by the person.
func (a *Agent) selected(ctx context.Context, s diag.Selection) ([]store.ID, error) {
	dead, err := a.store.DeadLetters(ctx)
	if err != nil {
		return nil, a.explain(err)
	}
	there := make(map[store.ID]bool, len(dead))
	var ids []store.ID
	for _, d := range dead {
		there[d.Record.ID] = true
		if s.All {
			ids = append(ids, d.Record.ID)
		}
	}
	for _, text := range s.IDs {
		id, err := parseID(text)
		switch {
		case err != nil:
			return nil, err
		case !there[id]:
			return nil, noDeadLetter(id)
		case !slices.Contains(ids, id):
			ids = append(ids, id)
		}
	}
	return ids, nil
}

const listHint = "agent queue dead list shows those there are"

func parseID(text string) (store.ID, error) {
	id, err := store.ParseID(text)
	if err != nil {
		return id, &diag.AnswerError{Status: http1.StatusBadRequest, Problem: diag.Problem{Message: err.Error(), Hint: listHint}}
	}
	return id, nil
}

func noDeadLetter(id store.ID) error {
	return &diag.AnswerError{Status: http1.StatusNotFound, Problem: diag.Problem{Message: "no dead letter " + id.String(), Hint: listHint}}
}

// explain says of a call that waited in vain for the file what it waited for.
func (a *Agent) explain(err error) error {
	stats := a.store.Stats()
	if !errors.Is(err, context.DeadlineExceeded) || stats.Ready {
		return err
	}
	return notOpen(stats)
}

const openingHint = "agent queue shows how far it is"

func notOpen(s store.Stats) error {
	return &diag.AnswerError{Status: http1.StatusServiceUnavailable, Problem: diag.Problem{
		Message: fmt.Sprintf("the queue's file is not open yet: %s", s.Opening), Hint: openingHint,
	}}
}
