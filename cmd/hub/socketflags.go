package main

import "flag"

// socketFlags say which hub of this machine to ask.
type socketFlags struct{ dir, control string }

func (s *socketFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&s.dir, "dir", "", "`DIR` that hub serve keeps")
	flags.StringVar(&s.control, "control", "", "`PATH` of the control socket of a hub that runs, instead of --dir")
}

func (s *socketFlags) check() error {
	if (s.dir == "") == (s.control == "") {
		return usagef("give either --dir DIR or --control PATH")
	}
	return nil
}

// path is that of the control socket.
func (s *socketFlags) path() string {
	if s.control != "" {
		return s.control
	}
	return controlIn(s.dir)
}

// arguments returns what is no flag, wherever flags stand between.
func arguments(flags *flag.FlagSet, args []string) ([]string, error) {
	var words []string
	for len(args) > 0 {
		words = append(words, args[0])
		if err := flags.Parse(args[1:]); err != nil {
			return nil, &usageError{err}
		}
		args = flags.Args()
	}
	return words, nil
}
