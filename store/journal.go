package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Journal remembers which commands were begun and how they ended, so that a
// command delivered twice has one effect and one result. Finished commands are
// forgotten beyond JournalSize and JournalAge; begun ones never.
type Journal struct{ s *Store }

// JournalEntry is what the journal keeps of one command.
type JournalEntry struct {
	Command Command
	Outcome Outcome   // Verdict Pending while it is only begun
	Begun   time.Time // wall time as believed
	Ended   time.Time // zero while only begun
	Result  ID        // the result record; zero while only begun
}

// Journal returns the journal of commands.
func (s *Store) Journal() *Journal { return &Journal{s} }

// Begin puts the intent to execute c on disk, in a synced transaction, and returns
// PhaseNew; any other phase tells what is known already and writes nothing. The
// caller executes after PhaseNew only, or after PhaseStarted when the action may
// be repeated. A command that is being executed by this very process is
// PhaseStarted too. An error means that nothing is known to be on disk: it wraps
// ErrDiskFull when the disk is the cause, and the command must not be executed.
func (j *Journal) Begin(ctx context.Context, c Command) (State, error) {
	s := j.s
	c = trimCommand(c)
	if err := s.waitOpen(ctx); err != nil {
		return State{}, err
	}
	for {
		s.mu.Lock()
		if s.ended || !s.open {
			err := s.refusal()
			s.mu.Unlock()
			return State{}, fmt.Errorf("begin command %q: %w", c.MessageID, err)
		}
		unsure := s.unsure(&c)
		it, dup := s.jr.byKey[commandKey(&c)], false
		if it == nil && c.MessageID != "" {
			it, dup = s.jr.byMsg[c.MessageID], true
		}
		if it == nil {
			break
		}
		pending, st := it.pending, State{Phase: PhaseDone, Outcome: it.Outcome}
		s.mu.Unlock()
		switch {
		case pending != nil:
			select {
			case <-pending:
				continue
			case <-ctx.Done():
				return State{}, ctx.Err()
			case <-s.closed:
				return State{}, ErrClosed
			}
		case dup:
			st.Phase = PhaseDuplicate
		case st.Outcome.Verdict == Pending:
			st.Phase, st.Unsure = PhaseStarted, unsure
		}
		return st, nil
	}
	it := &journalItem{JournalEntry: JournalEntry{Command: c, Begun: s.o.Clock.Now().Wall}, key: commandKey(&c)}
	unsure := s.unsure(&c)
	r := s.request(it, it.JournalEntry, true)
	s.mu.Unlock()
	if err := s.await(ctx, r); err != nil {
		return State{}, fmt.Errorf("begin command %q: %w", c.MessageID, err)
	}
	return State{Phase: PhaseNew, Unsure: unsure}, nil
}

// Finish puts the outcome of c and its result record on disk, together in one
// synced transaction. The record gets the next ID of class Result and is handed
// out by Next only afterwards. A command that was not begun, such as a duplicate,
// is entered as finished. After an error neither is on disk as far as is known,
// and the caller does not settle; ErrRefused means that the record is too large.
func (j *Journal) Finish(ctx context.Context, c Command, o Outcome, result Record) error {
	s := j.s
	c = trimCommand(c)
	o.Condition, o.Reason = clip(o.Condition, textMax), clip(o.Reason, textMax)
	fail := func(err error) error { return fmt.Errorf("finish command %q: %w", c.MessageID, err) }
	if o.Verdict != Completed && o.Verdict != Rejected {
		return fail(fmt.Errorf("verdict %s is no outcome", o.Verdict))
	}
	if err := s.waitOpen(ctx); err != nil {
		return err
	}
	result.ID = ID{Class: Result}
	s.mu.Lock()
	if s.ended || !s.open {
		err := s.refusal()
		s.mu.Unlock()
		return fail(err)
	}
	if err := s.admit([]Record{result}); err != nil {
		s.refused++
		s.mu.Unlock()
		return fail(err)
	}
	it := s.jr.byKey[commandKey(&c)]
	isN := it == nil
	if isN {
		it = &journalItem{JournalEntry: JournalEntry{Command: c, Begun: s.o.Clock.Now().Wall}, key: commandKey(&c)}
	} else if it.pending != nil || it.Outcome.Verdict != Pending {
		s.mu.Unlock()
		return fail(errors.New("it is finished already"))
	}
	next := it.JournalEntry
	next.Outcome, next.Ended = o, s.o.Clock.Now().Wall
	r := s.request(it, next, isN)
	r.res = &result
	s.mu.Unlock()
	if err := s.await(ctx, r); err != nil {
		return fail(err)
	}
	return nil
}

// Entries returns the commands the journal knows, the last begun first.
func (j *Journal) Entries() []JournalEntry {
	s := j.s
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]JournalEntry, 0, len(s.jr.order))
	for _, it := range slices.Backward(s.jr.order) {
		if it.onDisk {
			out = append(out, it.JournalEntry)
		}
	}
	return out
}
