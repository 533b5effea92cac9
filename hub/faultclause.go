package hub

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// faultClause is a word, or a name with a value, that a line may have.
type faultClause struct {
	name    string
	example string // of a value
	word    bool   // it stands alone
	read    func(f *Fault, value string) error
	write   func(f *Fault) string // "" leaves it out
}

// Clauses that every fault takes, apart from those its kind cannot have.
var commonClauses = []string{"device", "connection", "after", "every", "p", "seed", "for", "count"}

// faultClauses are in the order of String.
func faultClauses() []faultClause {
	return []faultClause{
		textClause("device", "gw1", func(f *Fault) *string { return &f.device }, func(s string) (string, error) {
			if s == "*" {
				return "", nil
			}
			id, module, isModule := strings.Cut(s, "/")
			if err := checkID("device", id); err != nil || !isModule {
				return s, err
			}
			return s, checkID("module", module)
		}),
		countClause("connection", "1", func(f *Fault) *int { return &f.connection }),
		durationClause("by", "3s", func(f *Fault) *time.Duration { return &f.by }),
		durationClause("slow", "40s", func(f *Fault) *time.Duration { return &f.by }),
		{
			name: "rate", example: "10",
			read: func(f *Fault, s string) (err error) {
				f.rate, err = positive(strings.TrimSuffix(s, "/s"), 1e9)
				return err
			},
			write: func(f *Fault) string { return formatFloat(f.rate) },
		},
		{
			name: "status", example: "500",
			read: func(f *Fault, s string) error {
				n, err := strconv.ParseInt(s, 10, 32)
				if err != nil || n < 100 || n > 999 {
					return errors.New("not a number from 100 to 999")
				}
				f.status = int32(n)
				return nil
			},
			write: func(f *Fault) string { return formatInt(int(f.status)) },
		},
		{
			name: "bytes", example: "64",
			read: func(f *Fault, s string) error {
				n, err := strconv.Atoi(s)
				if err != nil || n < 1 || n > maxGarbage {
					return fmt.Errorf("not a number from 1 to %d", maxGarbage)
				}
				f.bytes = n
				return nil
			},
			write: func(f *Fault) string { return formatInt(f.bytes) },
		},
		textClause("condition", "amqp:internal-error", func(f *Fault) *string { return &f.condition }, func(s string) (string, error) {
			if len(s) > 128 || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
				return "", errors.New("not a symbol of at most 128 printable ASCII characters")
			}
			return s, nil
		}),
		textClause("description", `"Try again."`, func(f *Fault) *string { return &f.description }, func(s string) (string, error) {
			if len(s) > 1024 {
				return "", errors.New("longer than 1024 bytes")
			}
			return strings.ToValidUTF8(s, "?"), nil
		}),
		textClause("to", "127.0.0.1:5672", func(f *Fault) *string { return &f.to }, func(s string) (string, error) {
			host, port, err := net.SplitHostPort(s)
			if n, atoi := strconv.ParseUint(port, 10, 16); err != nil || atoi != nil || host == "" || n == 0 {
				return "", errors.New("not HOST:PORT")
			}
			return s, nil
		}),
		{
			name: "how", example: "rst",
			read: func(f *Fault, s string) error {
				if !slices.Contains(f.kind.how, s) {
					return fmt.Errorf("not one of %s%s", strings.Join(f.kind.how, ", "), nearest(s, f.kind.how))
				}
				if f.how = s; s == f.kind.how[0] {
					f.how = ""
				}
				return nil
			},
			write: func(f *Fault) string { return f.how },
		},
		wordClause("logged", func(f *Fault) *bool { return &f.unusual }),
		wordClause("unlogged", func(f *Fault) *bool { return &f.unusual }),
		wordClause("never", func(f *Fault) *bool { return &f.never }),
		wordClause("new", func(f *Fault) *bool { return &f.fresh }),
		momentClause("after", func(f *Fault) *moment { return &f.after }),
		momentClause("every", func(f *Fault) *moment { return &f.every }),
		{
			name: "p", example: "0.2",
			read: func(f *Fault, s string) (err error) {
				if f.p, err = positive(s, 1); f.p == 1 {
					f.p = 0
				}
				return err
			},
			write: func(f *Fault) string { return formatFloat(f.p) },
		},
		{
			name: "seed", example: "7",
			read: func(f *Fault, s string) (err error) {
				if f.seed, err = strconv.ParseUint(s, 10, 64); err != nil {
					return errors.New("not a whole number")
				}
				return nil
			},
			write: func(f *Fault) string {
				if f.seed == 1 {
					return ""
				}
				return strconv.FormatUint(f.seed, 10)
			},
		},
		durationClause("for", "2m", func(f *Fault) *time.Duration { return &f.during }),
		countClause("count", "5", func(f *Fault) *int { return &f.count }),
	}
}

func textClause(name, example string, field func(*Fault) *string, check func(string) (string, error)) faultClause {
	return faultClause{
		name: name, example: example,
		read: func(f *Fault, s string) (err error) {
			*field(f), err = check(s)
			return err
		},
		write: func(f *Fault) string { return *field(f) },
	}
}

func wordClause(name string, field func(*Fault) *bool) faultClause {
	return faultClause{
		name: name, word: true,
		read: func(f *Fault, _ string) error {
			*field(f) = true
			return nil
		},
		write: func(f *Fault) string {
			if *field(f) {
				return name
			}
			return ""
		},
	}
}

func countClause(name, example string, field func(*Fault) *int) faultClause {
	return faultClause{
		name: name, example: example,
		read: func(f *Fault, s string) error {
			n, err := strconv.Atoi(s)
			if err != nil || n < 1 {
				return errors.New("not a whole number above 0")
			}
			*field(f) = n
			return nil
		},
		write: func(f *Fault) string { return formatInt(*field(f)) },
	}
}

func durationClause(name, example string, field func(*Fault) *time.Duration) faultClause {
	return faultClause{
		name: name, example: example,
		read: func(f *Fault, s string) error {
			d, err := time.ParseDuration(s)
			if err != nil || d == 0 || d < 0 && (name != "by" || !f.kind.backwards) {
				return fmt.Errorf("not a duration such as %s", example)
			}
			*field(f) = d
			return nil
		},
		write: func(f *Fault) string {
			if d := *field(f); d != 0 {
				return d.String()
			}
			return ""
		},
	}
}

func momentClause(name string, field func(*Fault) *moment) faultClause {
	return faultClause{
		name: name, example: "10",
		read: func(f *Fault, s string) error {
			m := moment{}
			n, err := strconv.Atoi(s)
			if err == nil {
				m.n = n
			} else {
				m.d, err = time.ParseDuration(s)
			}
			if err != nil || m.n <= 0 && m.d <= 0 {
				return errors.New("neither a number such as 10 nor a duration such as 30s")
			}
			*field(f) = m
			return nil
		},
		write: func(f *Fault) string {
			if m := *field(f); m != (moment{}) {
				return m.String()
			}
			return ""
		},
	}
}

// positive reads a number above 0, at most limit.
func positive(s string, limit float64) (float64, error) {
	x, err := strconv.ParseFloat(s, 64)
	if err != nil || !(x > 0 && x <= limit) {
		return 0, fmt.Errorf("not a number above 0, at most %g", limit)
	}
	return x, nil
}

func formatInt(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func formatFloat(x float64) string {
	if x == 0 {
		return ""
	}
	return strconv.FormatFloat(x, 'g', -1, 64)
}
