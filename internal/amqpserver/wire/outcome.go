package wire

// DeliveryState is a state a delivery can be in: an Outcome, Received, or
// OtherState (spec 3.4).
type DeliveryState interface {
	stateCode() uint64
}

// Outcome is a terminal delivery state: Accepted, Rejected, Released or Modified.
type Outcome interface {
	DeliveryState
	outcome()
}

// Accepted says that the message was taken over (spec 3.4.2).
type Accepted struct{}

// Rejected says that the message is invalid (spec 3.4.3).
type Rejected struct {
	Error *Error
}

// Released says that the message was not and will not be processed (spec 3.4.4).
type Released struct{}

// Modified is Released with changes to the message (spec 3.4.5).
type Modified struct {
	DeliveryFailed     bool
	UndeliverableHere  bool
	MessageAnnotations Map
}

// Received tells how much of a delivery has arrived; it is not terminal (spec 3.4.1).
type Received struct {
	SectionNumber uint32
	SectionOffset uint64
}

// OtherState is a delivery state of another specification, such as those of
// transactions. It is not terminal.
type OtherState struct {
	Described
}

func (Accepted) outcome() {}
func (Rejected) outcome() {}
func (Released) outcome() {}
func (Modified) outcome() {}

func (Accepted) stateCode() uint64 { return codeAccepted }
func (Rejected) stateCode() uint64 { return codeRejected }
func (Released) stateCode() uint64 { return codeReleased }
func (Modified) stateCode() uint64 { return codeModified }
func (Received) stateCode() uint64 { return codeReceived }

func (o OtherState) stateCode() uint64 {
	code, _ := o.Descriptor.(uint64)
	return code
}

func (w *fieldWriter) state(s DeliveryState) {
	switch s := s.(type) {
	case nil:
		w.null()
	case Accepted, Released:
		w.composite(s.stateCode(), func(*fieldWriter) {})
	case Rejected:
		w.composite(codeRejected, func(w *fieldWriter) { w.error(s.Error) })
	case Modified:
		w.composite(codeModified, func(w *fieldWriter) {
			w.flag(s.DeliveryFailed)
			w.flag(s.UndeliverableHere)
			w.mapping(s.MessageAnnotations)
		})
	case Received:
		w.composite(codeReceived, func(w *fieldWriter) {
			w.uint32(s.SectionNumber)
			w.uint64(s.SectionOffset)
		})
	case OtherState:
		w.any(s.Described)
	}
}

func (f *fields) state(p *DeliveryState) {
	f.described("a delivery state", func(descriptor any, code uint64, d *decoder) error {
		switch code {
		case codeReceived, codeAccepted, codeRejected, codeReleased, codeModified:
			list, err := d.fieldList()
			if err != nil {
				return err
			}
			*p = readState(code, list)
			return list.done()
		}
		v, err := d.value()
		*p = OtherState{Described{Descriptor: descriptor, Value: v}}
		return err
	})
}

func readState(code uint64, f *fields) DeliveryState {
	switch code {
	case codeAccepted:
		return Accepted{}
	case codeReleased:
		return Released{}
	case codeRejected:
		var o Rejected
		f.error(&o.Error)
		return o
	case codeModified:
		var o Modified
		f.bool(&o.DeliveryFailed)
		f.bool(&o.UndeliverableHere)
		f.mapping(&o.MessageAnnotations)
		return o
	default:
		var s Received
		f.must("section-number", f.uint32(&s.SectionNumber))
		f.must("section-offset", f.uint64(&s.SectionOffset))
		return s
	}
}
