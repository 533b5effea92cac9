package desk

import (
	"slices"
	"testing"
)

// What an account must notice: a proof built on one that does not is blind.
func TestSettle(t *testing.T) {
	const life = "00112233445566aa-1-"
	three := map[string]uint64{"telemetry": 3, "alarm": 1}
	for name, c := range map[string]struct {
		arrived, kept []string
		want          Account
	}{
		"all there": {
			[]string{"0-1", "2-1", "2-2", "2-3"}, nil,
			Account{Produced: 4, Delivered: 4},
		},
		"one lost": {
			[]string{"0-1", "2-1", "2-3"}, nil,
			Account{Produced: 4, Delivered: 3, Missing: []string{"2-2"}},
		},
		"the last lost": {
			[]string{"0-1", "2-1", "2-2"}, nil,
			Account{Produced: 4, Delivered: 3, Missing: []string{"2-3"}},
		},
		"kept": {
			[]string{"0-1", "2-1"}, []string{"2-2", "2-3"},
			Account{Produced: 4, Delivered: 2, Kept: 2},
		},
		"delivered and kept": {
			[]string{"0-1", "2-1", "2-2", "2-3"}, []string{"2-3"},
			Account{Produced: 4, Delivered: 4},
		},
		"more than was counted": {
			[]string{"0-1", "2-1", "2-2", "2-3", "2-5"}, nil,
			Account{Produced: 6, Delivered: 5, Missing: []string{"2-4"}},
		},
		"twice, and out of order": {
			[]string{"0-1", "2-1", "2-3", "2-3", "2-2", "2-3"}, nil,
			Account{Produced: 4, Delivered: 4, Duplicates: 2, Disorder: 1},
		},
		"another's": {
			[]string{"0-1", "2-1", "2-2", "2-3", "!00112233445566ab-1-2-4", "!message 7", "!"}, nil,
			Account{Produced: 4, Delivered: 4, Strange: []string{"!", "!00112233445566ab-1-2-4", "!message 7"}},
		},
	} {
		full := func(ids []string) []string {
			var all []string
			for _, id := range ids {
				if id[0] == '!' {
					all = append(all, id[1:])
				} else {
					all = append(all, life+id)
				}
			}
			return all
		}
		got, err := Settle(three, full(c.arrived), full(c.kept))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		c.want.Missing, c.want.Strange = full(c.want.Missing), full(c.want.Strange)
		if got.Produced != c.want.Produced || got.Delivered != c.want.Delivered || got.Kept != c.want.Kept ||
			got.Duplicates != c.want.Duplicates || got.Disorder != c.want.Disorder ||
			!slices.Equal(got.Missing, c.want.Missing) || !slices.Equal(got.Strange, c.want.Strange) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, got, c.want)
		}
	}
	if _, err := Settle(three, nil, nil); err == nil {
		t.Error("an agent of which nothing is known settles")
	}
}
