package probe

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board"
	"fieldpost/internal/diag"
	"fieldpost/sensors/catalog"
	"fieldpost/sensors/chip"
	"fieldpost/sensors/ds18b20"
)

// ask finds out what is at an address. It is an error when the bus itself is of no
// use any more.
func ask(ctx context.Context, bus i2c.Bus, at uint16) (answer, error) {
	begin := time.Now()
	err := bus.Tx(at, nil, make([]byte, 1))
	var bound *board.BoundError
	switch {
	case errors.As(err, &bound):
		return answer{found: []finding{{bound: bound}}}, nil
	case nobody(err):
		slow := time.Since(begin) > slowNAK
		found, err := identify(ctx, bus, at, false)
		return answer{found, slow}, err
	case err != nil:
		return answer{}, err
	}
	found, err := identify(ctx, bus, at, true)
	return answer{found: found}, err
}

// nobody reports whether an error says that no part was there. Some adapters time out
// instead.
func nobody(err error) bool {
	return errors.Is(err, board.ErrNoAck) || errors.Is(err, board.ErrBusTimeout)
}

// identify compares what is at an address with what the catalog knows of it. What
// does not answer unasked may be a part that never does.
func identify(ctx context.Context, bus i2c.Bus, at uint16, answers bool) ([]finding, error) {
	var weak, open []catalog.Source
	var how string
	for _, s := range catalog.Recognisable() {
		if !slices.Contains(s.Addresses, at) {
			continue
		}
		proven := false
		for _, sign := range s.Signs {
			proven = proven || !sign.Weak
			if !answers && !sign.Mute {
				continue
			}
			fits, err := shows(ctx, bus, at, sign)
			switch {
			case err != nil:
				return nil, err
			case fits && !sign.Weak:
				return []finding{recognised(s, sign)}, nil
			case fits:
				weak, how = append(weak, s), sign.Text
			}
		}
		if !proven && !s.Bridged {
			open = append(open, s)
		}
	}
	switch {
	case !answers:
		return nil, nil
	case len(weak) == 1 && weak[0].Bridged:
		return bridge(ctx, bus, at, weak[0], how)
	case len(weak) > 0:
		return []finding{ambiguous(weak, how)}, nil
	case len(open) > 0:
		return []finding{ambiguous(open, "")}, nil
	}
	return []finding{{part: diag.ProbePart{Certainty: diag.Unknown, What: "a part that no source reads"}}}, nil
}

// shows reports whether a part shows a sign. A part that does not answer has none.
func shows(ctx context.Context, bus i2c.Bus, at uint16, sign catalog.Sign) (bool, error) {
	if err := context.Cause(ctx); err != nil {
		return false, err
	}
	r := make([]byte, max(len(sign.Want), 3*sign.Sums))
	var err error
	if sign.Wait > 0 {
		if err = bus.Tx(at, sign.Send, nil); err == nil {
			time.Sleep(sign.Wait)
			err = bus.Tx(at, nil, r)
		}
	} else {
		err = bus.Tx(at, sign.Send, r)
	}
	if err != nil && !nobody(err) {
		return false, err
	}
	return err == nil && fits(sign, r), nil
}

// fits reports whether r is the answer of a sign.
func fits(s catalog.Sign, r []byte) bool {
	for i := range s.Sums {
		if w := r[3*i : 3*i+3]; chip.CRC8(w[:2]) != w[2] {
			return false
		}
	}
	for i := range s.Want {
		if r[i]&s.Mask[i] != s.Want[i]&s.Mask[i] {
			return false
		}
	}
	return true
}

// recognised is a part that proved what it is. A stranger has no source.
func recognised(s catalog.Source, sign catalog.Sign) finding {
	if s.Help == "" {
		return finding{part: diag.ProbePart{Certainty: diag.Unknown, What: s.Name, How: sign.Text, Hint: s.Notes}}
	}
	return finding{part: diag.ProbePart{Certainty: diag.Recognised, What: s.Help, How: sign.Text}, sources: []catalog.Source{s}}
}

// ambiguous is a part that may be one of several, or something else. Without a how
// there is nothing but its address.
func ambiguous(sources []catalog.Source, how string) finding {
	part := diag.ProbePart{Certainty: diag.Ambiguous, How: how, Hint: sources[0].Alike}
	var names []string
	for _, s := range sources {
		names = append(names, s.Name)
	}
	part.What = "perhaps " + strings.Join(names, " or ")
	switch {
	case how == "":
		part.How = "something answers at this address"
	case len(sources) == 1:
		part.Certainty, part.What = diag.Likely, sources[0].Help
	}
	return finding{part: part, sources: sources}
}

// bridge lists the thermometers behind a bridge to 1-wire.
func bridge(ctx context.Context, bus i2c.Bus, at uint16, s catalog.Source, how string) (found []finding, err error) {
	ids, err := ds18b20.Search(ctx, bus, at)
	for _, id := range ids {
		found = append(found, finding{part: diag.ProbePart{Certainty: diag.Recognised, What: "thermometer " + id + " behind a DS2482", How: "its number"}, sources: []catalog.Source{s}, device: id})
	}
	switch {
	case err != nil && !nobody(err):
		found = append(found, finding{part: diag.ProbePart{Certainty: diag.Likely, What: "a DS2482: " + err.Error(), How: how, Hint: diag.Hint(err)}})
	case len(ids) == 0:
		found = append(found, finding{part: diag.ProbePart{Certainty: diag.Likely, What: "a DS2482 with no thermometer behind it", How: how, Hint: "check the data line, ground and the supply of the thermometers"}})
	}
	return found, nil
}
