package hub

// Settlement is what the hub does with one telemetry event: one of the
// constants below or the value of RejectWith. A nil Settlement is Accept. In a
// batch the first event whose settlement is not Accept decides for the whole
// transfer.
type Settlement interface{ isSettlement() }

const (
	// Accept logs the event and answers accepted.
	Accept settlement = iota
	// Release does not log the event and answers released.
	Release
	// Modify does not log the event and answers modified, delivery failed.
	Modify
	// NoAnswer logs the event and never answers: the sender cannot know.
	NoAnswer
	// DropConnection logs the event and closes the TCP connection instead of
	// answering.
	DropConnection
)

// RejectWith does not log the event and answers rejected with this condition,
// for example "com.microsoft:device-container-throttled", and description.
func RejectWith(condition, description string) Settlement {
	return rejection{condition: condition, description: description}
}

type settlement int

func (settlement) isSettlement() {}

type rejection struct{ condition, description string }

func (rejection) isSettlement() {}

// logs tells whether the events are kept although the sender may never hear it.
func logs(s Settlement) bool {
	return s == Accept || s == NoAnswer || s == DropConnection
}
