package top

// Keys that mean something.
type key byte

const (
	keyQuit key = iota + 1
	keyPause
	keyHelp
	keyUp
	keyDown
	keyPageUp
	keyPageDown
	keyFirst
	keyLast
)

// sequences are what terminals send, the longest first where one begins another.
var sequences = []struct {
	bytes string
	key   key
}{
	{"\x1b[5~", keyPageUp}, {"\x1b[6~", keyPageDown}, {"\x1b[1~", keyFirst}, {"\x1b[4~", keyLast},
	{"\x1b[A", keyUp}, {"\x1b[B", keyDown}, {"\x1b[H", keyFirst}, {"\x1b[F", keyLast},
	{"\x1bOA", keyUp}, {"\x1bOB", keyDown}, {"\x1bOH", keyFirst}, {"\x1bOF", keyLast},
	{"\x03", keyQuit}, {"q", keyQuit}, {"Q", keyQuit}, {"p", keyPause}, {" ", keyPause}, {"?", keyHelp}, {"h", keyHelp},
	{"k", keyUp}, {"j", keyDown}, {"g", keyFirst}, {"G", keyLast},
}

// keys reads what was typed. What nobody knows is left out: a sequence with an
// introducer whole, so that its end is not taken for letters.
func keys(typed string) []key {
	var found []key
next:
	for typed != "" {
		for _, s := range sequences {
			if len(typed) >= len(s.bytes) && typed[:len(s.bytes)] == s.bytes {
				found = append(found, s.key)
				typed = typed[len(s.bytes):]
				continue next
			}
		}
		if len(typed) > 2 && typed[:2] == "\x1b[" {
			i := 2
			for i < len(typed)-1 && (typed[i] < 0x40 || typed[i] > 0x7e) {
				i++
			}
			typed = typed[i:]
		}
		typed = typed[1:]
	}
	return found
}

// press does what a key says, and reports whether to go on.
func (v *View) press(k key, rows int) bool {
	page := max(rows/2, 1)
	const far = 1 << 20
	switch k {
	case keyQuit:
		return false
	case keyPause:
		v.Paused = !v.Paused
	case keyHelp:
		v.Help = !v.Help
	case keyUp:
		v.Scroll(-1)
	case keyDown:
		v.Scroll(1)
	case keyPageUp:
		v.Scroll(-page)
	case keyPageDown:
		v.Scroll(page)
	case keyFirst:
		v.Scroll(-far)
	case keyLast:
		v.Scroll(far)
	}
	return true
}
