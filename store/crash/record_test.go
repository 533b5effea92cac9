//go:build linux && proof

package crash

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

// record makes a record of class c like those of a gateway: JSON, partly alike,
// partly random. It carries a checksum of itself.
func record(rnd *rand.Rand, c store.Class) store.Record {
	r := store.Record{ID: store.ID{Class: c}, Kind: store.KindTelemetry, Subject: "hall-" + strconv.Itoa(rnd.IntN(5)), ContentType: "application/json"}
	switch c {
	case store.Alarm:
		r.Kind = store.KindEvent
	case store.Result:
		r.Kind, r.CorrelationID = store.KindResult, "command"
	}
	r.Stamp = clock.Stamp{Boot: [16]byte{1, 2, 3}, BootTime: time.Duration(rnd.Int64N(1e15)), Wall: time.Now().UTC().Round(0), Trust: clock.TrustSynced}
	var b strings.Builder
	fmt.Fprintf(&b, `{"temperature":%.2f,"humidity":%.1f,"pressure":%.1f,"note":"`, 20+rnd.Float64(), 40+rnd.Float64()*5, 1000+rnd.Float64())
	for range rnd.IntN(24) {
		b.WriteString(strconv.FormatUint(uint64(rnd.Uint32()), 36))
	}
	b.WriteString(`"}`)
	r.Body = []byte(b.String())
	r.Props = map[string]string{"sensor": r.Subject, "quality": strings.Repeat("q", rnd.IntN(9))}
	r.Props["sum"] = hex8(sum(&r))
	return r
}

// sum covers everything the caller gave but the checksum itself.
func sum(r *store.Record) uint32 {
	var b []byte
	text := func(s string) {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	b = append(b, byte(r.Class), byte(r.Kind), byte(r.Stamp.Trust))
	b = append(b, r.Stamp.Boot[:]...)
	b = binary.AppendVarint(b, int64(r.Stamp.BootTime))
	b = binary.AppendVarint(b, r.Stamp.Wall.UnixNano())
	for _, s := range []string{r.CorrelationID, r.Subject, r.ContentType, string(r.Body)} {
		text(s)
	}
	for _, k := range slices.Sorted(maps.Keys(r.Props)) {
		if k != "sum" {
			text(k)
			text(r.Props[k])
		}
	}
	return crc32.ChecksumIEEE(b)
}

func hex8(n uint32) string { return fmt.Sprintf("%08x", n) }

// spoilt says what is wrong with a record that came out of a store, or nothing.
func spoilt(r *store.Record) string {
	if r.Kind == store.KindLedger {
		var body struct{ Losses []json.RawMessage }
		if err := json.Unmarshal(r.Body, &body); err != nil || len(body.Losses) == 0 || r.Class != store.Alarm {
			return fmt.Sprintf("%s: no ledger record: %q", r.ID, r.Body)
		}
		return ""
	}
	if want := fmt.Sprintf(`{"n":%d}`, r.Seq-1); r.Subject == oldSubject && string(r.Body) == want {
		return ""
	}
	if got := hex8(sum(r)); got != r.Props["sum"] {
		return fmt.Sprintf("%s: content has checksum %s and says %q", r.ID, got, r.Props["sum"])
	}
	return ""
}

// order verifies that records come as they must: through one cursor per class in
// the order of their appends, or through two when live ones may go first.
type order struct {
	two  bool
	last map[line][2]place
}

// line is what an order is kept within.
type line struct {
	store [8]byte
	class store.Class
}

type place struct {
	epoch uint32
	seq   uint64
}

func (p place) before(q place) bool {
	return p.epoch < q.epoch || p.epoch == q.epoch && p.seq < q.seq
}

// next says what is wrong with id coming now, or nothing.
func (o *order) next(id store.ID) string {
	if o.last == nil {
		o.last = make(map[line][2]place)
	}
	k := line{id.Store, id.Class}
	at := o.last[k]
	p := place{id.Epoch, id.Seq}
	// The cursor that is further on takes it if it can: that leaves most room.
	first, second := 0, 1
	if at[0].before(at[1]) {
		first, second = 1, 0
	}
	switch {
	case at[first].before(p):
		at[first] = p
	case o.two && at[second].before(p):
		at[second] = p
	default:
		return fmt.Sprintf("%s came after %d-…-%d", id, at[first].epoch, at[first].seq)
	}
	o.last[k] = at
	return ""
}
