package wire

import "math"

// ParseBody decodes the body of a frame. A Transfer takes the rest of the body
// as its payload; in any other body bytes behind the performative are an error.
// An error is an *Error with amqp:decode-error.
func ParseBody(b []byte) (Body, error) {
	d := newDecoder(b)
	code, f, err := d.composite()
	if err != nil {
		return nil, err
	}
	body := newBody(code)
	if body == nil {
		return nil, decodeErrorf("descriptor 0x%x is no frame body", code)
	}
	body.read(f)
	if err := f.done(); err != nil {
		return nil, err
	}
	if t, ok := body.(*Transfer); ok {
		t.Payload = d.b
		return t, nil
	}
	return body, d.spent()
}

func newBody(code uint64) Body {
	switch code {
	case codeOpen:
		return &Open{MaxFrameSize: math.MaxUint32, ChannelMax: math.MaxUint16}
	case codeBegin:
		return &Begin{HandleMax: math.MaxUint32}
	case codeAttach:
		return &Attach{SndSettleMode: SndMixed, RcvSettleMode: RcvFirst}
	case codeFlow:
		return &Flow{}
	case codeTransfer:
		return &Transfer{}
	case codeDisposition:
		return &Disposition{}
	case codeDetach:
		return &Detach{}
	case codeEnd:
		return &End{}
	case codeClose:
		return &Close{}
	case codeSASLMechanisms:
		return &SASLMechanisms{}
	case codeSASLInit:
		return &SASLInit{}
	case codeSASLChallenge:
		return &SASLChallenge{}
	case codeSASLResponse:
		return &SASLResponse{}
	case codeSASLOutcome:
		return &SASLOutcome{}
	}
	return nil
}

func (*Open) code() uint64           { return codeOpen }
func (*Begin) code() uint64          { return codeBegin }
func (*Attach) code() uint64         { return codeAttach }
func (*Flow) code() uint64           { return codeFlow }
func (*Transfer) code() uint64       { return codeTransfer }
func (*Disposition) code() uint64    { return codeDisposition }
func (*Detach) code() uint64         { return codeDetach }
func (*End) code() uint64            { return codeEnd }
func (*Close) code() uint64          { return codeClose }
func (*SASLMechanisms) code() uint64 { return codeSASLMechanisms }
func (*SASLInit) code() uint64       { return codeSASLInit }
func (*SASLChallenge) code() uint64  { return codeSASLChallenge }
func (*SASLResponse) code() uint64   { return codeSASLResponse }
func (*SASLOutcome) code() uint64    { return codeSASLOutcome }

func (p *Open) write(w *fieldWriter) {
	w.string(p.ContainerID)
	w.text(p.Hostname)
	w.nonzero(p.MaxFrameSize)
	w.uint16(p.ChannelMax)
	w.nonzero(p.IdleTimeout)
	w.symbols(p.OutgoingLocales)
	w.symbols(p.IncomingLocales)
	w.symbols(p.OfferedCapabilities)
	w.symbols(p.DesiredCapabilities)
	w.mapping(p.Properties)
}

func (p *Open) read(f *fields) {
	f.must("container-id", f.string(&p.ContainerID))
	f.string(&p.Hostname)
	f.uint32(&p.MaxFrameSize)
	f.uint16(&p.ChannelMax)
	f.uint32(&p.IdleTimeout)
	f.symbols(&p.OutgoingLocales)
	f.symbols(&p.IncomingLocales)
	f.symbols(&p.OfferedCapabilities)
	f.symbols(&p.DesiredCapabilities)
	f.mapping(&p.Properties)
}

func (p *Begin) write(w *fieldWriter) {
	if p.RemoteChannel == nil {
		w.null()
	} else {
		w.uint16(*p.RemoteChannel)
	}
	w.uint32(p.NextOutgoingID)
	w.uint32(p.IncomingWindow)
	w.uint32(p.OutgoingWindow)
	w.uint32(p.HandleMax)
	w.symbols(p.OfferedCapabilities)
	w.symbols(p.DesiredCapabilities)
	w.mapping(p.Properties)
}

func (p *Begin) read(f *fields) {
	var channel uint16
	if f.uint16(&channel) {
		p.RemoteChannel = &channel
	}
	f.must("next-outgoing-id", f.uint32(&p.NextOutgoingID))
	f.must("incoming-window", f.uint32(&p.IncomingWindow))
	f.must("outgoing-window", f.uint32(&p.OutgoingWindow))
	f.uint32(&p.HandleMax)
	f.symbols(&p.OfferedCapabilities)
	f.symbols(&p.DesiredCapabilities)
	f.mapping(&p.Properties)
}

func (p *Attach) write(w *fieldWriter) {
	w.string(p.Name)
	w.uint32(p.Handle)
	w.bool(bool(p.Role))
	w.uint8(p.SndSettleMode)
	w.uint8(p.RcvSettleMode)
	if p.Source == nil {
		w.null()
	} else {
		w.composite(codeSource, p.Source.write)
	}
	switch {
	case p.Coordinator:
		w.composite(codeCoordinator, func(*fieldWriter) {})
	case p.Target == nil:
		w.null()
	default:
		w.composite(codeTarget, p.Target.write)
	}
	w.mapping(p.Unsettled)
	w.flag(p.IncompleteUnsettled)
	w.optUint32(p.InitialDeliveryCount)
	if p.MaxMessageSize == 0 {
		w.null()
	} else {
		w.uint64(p.MaxMessageSize)
	}
	w.symbols(p.OfferedCapabilities)
	w.symbols(p.DesiredCapabilities)
	w.mapping(p.Properties)
}

func (p *Attach) read(f *fields) {
	f.must("name", f.string(&p.Name))
	f.must("handle", f.uint32(&p.Handle))
	f.must("role", f.bool((*bool)(&p.Role)))
	f.uint8(&p.SndSettleMode)
	f.uint8(&p.RcvSettleMode)
	f.source(&p.Source)
	f.target(&p.Target, &p.Coordinator)
	f.mapping(&p.Unsettled)
	f.bool(&p.IncompleteUnsettled)
	f.optUint32(&p.InitialDeliveryCount)
	f.uint64(&p.MaxMessageSize)
	f.symbols(&p.OfferedCapabilities)
	f.symbols(&p.DesiredCapabilities)
	f.mapping(&p.Properties)
}

func (p *Flow) write(w *fieldWriter) {
	w.optUint32(p.NextIncomingID)
	w.uint32(p.IncomingWindow)
	w.uint32(p.NextOutgoingID)
	w.uint32(p.OutgoingWindow)
	w.optUint32(p.Handle)
	w.optUint32(p.DeliveryCount)
	w.optUint32(p.LinkCredit)
	w.optUint32(p.Available)
	w.flag(p.Drain)
	w.flag(p.Echo)
	w.mapping(p.Properties)
}

func (p *Flow) read(f *fields) {
	f.optUint32(&p.NextIncomingID)
	f.must("incoming-window", f.uint32(&p.IncomingWindow))
	f.must("next-outgoing-id", f.uint32(&p.NextOutgoingID))
	f.must("outgoing-window", f.uint32(&p.OutgoingWindow))
	f.optUint32(&p.Handle)
	f.optUint32(&p.DeliveryCount)
	f.optUint32(&p.LinkCredit)
	f.optUint32(&p.Available)
	f.bool(&p.Drain)
	f.bool(&p.Echo)
	f.mapping(&p.Properties)
}

func (p *Transfer) write(w *fieldWriter) {
	w.uint32(p.Handle)
	w.optUint32(p.DeliveryID)
	w.binary(p.DeliveryTag)
	w.optUint32(p.MessageFormat)
	w.flag(p.Settled)
	w.flag(p.More)
	if p.RcvSettleMode == nil {
		w.null()
	} else {
		w.uint8(*p.RcvSettleMode)
	}
	w.state(p.State)
	w.flag(p.Resume)
	w.flag(p.Aborted)
	w.flag(p.Batchable)
}

func (p *Transfer) read(f *fields) {
	f.must("handle", f.uint32(&p.Handle))
	f.optUint32(&p.DeliveryID)
	f.binary(&p.DeliveryTag)
	f.optUint32(&p.MessageFormat)
	f.bool(&p.Settled)
	f.bool(&p.More)
	var mode uint8
	if f.uint8(&mode) {
		p.RcvSettleMode = &mode
	}
	f.state(&p.State)
	f.bool(&p.Resume)
	f.bool(&p.Aborted)
	f.bool(&p.Batchable)
}

func (p *Disposition) write(w *fieldWriter) {
	w.bool(bool(p.Role))
	w.uint32(p.First)
	w.optUint32(p.Last)
	w.flag(p.Settled)
	w.state(p.State)
	w.flag(p.Batchable)
}

func (p *Disposition) read(f *fields) {
	f.must("role", f.bool((*bool)(&p.Role)))
	f.must("first", f.uint32(&p.First))
	f.optUint32(&p.Last)
	f.bool(&p.Settled)
	f.state(&p.State)
	f.bool(&p.Batchable)
}

func (p *Detach) write(w *fieldWriter) {
	w.uint32(p.Handle)
	w.flag(p.Closed)
	w.error(p.Error)
}

func (p *Detach) read(f *fields) {
	f.must("handle", f.uint32(&p.Handle))
	f.bool(&p.Closed)
	f.error(&p.Error)
}

func (p *End) write(w *fieldWriter)   { w.error(p.Error) }
func (p *End) read(f *fields)         { f.error(&p.Error) }
func (p *Close) write(w *fieldWriter) { w.error(p.Error) }
func (p *Close) read(f *fields)       { f.error(&p.Error) }
