package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"fieldpost/internal/clock"
)

// Journal remembers which commands were begun and how they ended, so that a
// command delivered twice has one effect and one result. Finished commands are
// forgotten beyond JournalSize, of the door that has most of them, and beyond
// JournalAge; those begun, or whose result is still due, never.
type Journal struct{ s *Store }

// JournalEntry is what the journal keeps of one command.
type JournalEntry struct {
	Command Command
	Outcome Outcome   // Verdict Pending while it is only begun
	Begun   time.Time // wall time as believed
	Ended   time.Time // zero while only begun
	Result  ID        // the result record; zero while there is none
	Due     string    // note of Promise while the result is still to come

	ended clock.Stamp // of Ended, for its age in powered time
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
	return j.change(ctx, "finish", c, &result, func(e *JournalEntry) error {
		if e.Outcome.Verdict != Pending {
			return errFinished
		}
		return e.end(o, "", j.s.o.Clock.Now())
	})
}

// Promise puts the outcome of c on disk, in a synced transaction, for an effect
// that comes after the settlement and takes this process with it. Its result is
// due: the note, of at most 1024 bytes, stands in the entry for the process that
// writes it with Fulfil. A later Promise replaces outcome and note.
func (j *Journal) Promise(ctx context.Context, c Command, o Outcome, note string) error {
	return j.change(ctx, "promise", c, nil, func(e *JournalEntry) error {
		switch {
		case note == "":
			return errors.New("a promise needs a note")
		case e.Outcome.Verdict != Pending && e.Due == "":
			return errFinished
		}
		return e.end(o, note, j.s.o.Clock.Now())
	})
}

// Fulfil puts the result record of a promised command on disk and takes its note
// away, in one synced transaction. Errors are those of Finish.
func (j *Journal) Fulfil(ctx context.Context, c Command, result Record) error {
	return j.change(ctx, "fulfil", c, &result, func(e *JournalEntry) error {
		if e.Due == "" {
			return errors.New("no result is due")
		}
		e.Due = ""
		return nil
	})
}

var errFinished = errors.New("it is finished already")

// end gives the entry its outcome.
func (e *JournalEntry) end(o Outcome, due string, now clock.Stamp) error {
	if o.Verdict != Completed && o.Verdict != Rejected {
		return fmt.Errorf("verdict %s is no outcome", o.Verdict)
	}
	o.Condition, o.Reason = clip(o.Condition, textMax), clip(o.Reason, textMax)
	e.Outcome, e.Due, e.Ended, e.ended = o, clip(due, textMax), now.Wall, now
	return nil
}

// change applies alter to the entry of c, which is made when there is none, and
// puts it on disk together with its result, if one is given.
func (j *Journal) change(ctx context.Context, verb string, c Command, result *Record, alter func(*JournalEntry) error) error {
	s := j.s
	c = trimCommand(c)
	fail := func(err error) error { return fmt.Errorf("%s command %q: %w", verb, c.MessageID, err) }
	if err := s.waitOpen(ctx); err != nil {
		return err
	}
	r, err := s.requestChange(c, result, alter)
	if err == nil {
		err = s.await(ctx, r)
	}
	if err != nil {
		return fail(err)
	}
	return nil
}

// requestChange hands the change of an entry to the committer.
func (s *Store) requestChange(c Command, result *Record, alter func(*JournalEntry) error) (*journalReq, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || !s.open {
		return nil, s.refusal()
	}
	if result != nil {
		result.ID = ID{Class: Result}
		if err := s.admit([]Record{*result}); err != nil {
			s.refused++
			return nil, err
		}
	}
	it := s.jr.byKey[commandKey(&c)]
	isN := it == nil
	if isN {
		it = &journalItem{JournalEntry: JournalEntry{Command: c, Begun: s.o.Clock.Now().Wall}, key: commandKey(&c)}
	}
	if it.pending != nil {
		return nil, errors.New("another change of it is under way")
	}
	next := it.JournalEntry
	if err := alter(&next); err != nil {
		return nil, err
	}
	r := s.request(it, next, isN)
	r.res = result
	return r, nil
}

// Open waits until the file is open and returns the commands that have no outcome
// or whose result is due, the first begun first.
func (j *Journal) Open(ctx context.Context) ([]JournalEntry, error) {
	if err := j.s.waitOpen(ctx); err != nil {
		return nil, fmt.Errorf("open commands: %w", err)
	}
	entries := j.Entries()
	slices.Reverse(entries)
	return slices.DeleteFunc(entries, func(e JournalEntry) bool { return e.closed() }), nil
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
