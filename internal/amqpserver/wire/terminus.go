package wire

// Source is where the messages of a link come from (spec 3.5.3).
type Source struct {
	Address               string
	AddressPresent        bool // tells an empty address from none; a non-empty Address is always written
	Durable               uint32
	ExpiryPolicy          Symbol // "" is absent
	Timeout               uint32 // seconds
	Dynamic               bool
	DynamicNodeProperties Map
	DistributionMode      Symbol // "" is absent
	Filter                Map
	DefaultOutcome        DeliveryState // applies to deliveries settled without a state
	Outcomes              []Symbol
	Capabilities          []Symbol
}

// Target is where the messages of a link go to (spec 3.5.4).
type Target struct {
	Address               string
	AddressPresent        bool // tells an empty address from none; a non-empty Address is always written
	Durable               uint32
	ExpiryPolicy          Symbol // "" is absent
	Timeout               uint32 // seconds
	Dynamic               bool
	DynamicNodeProperties Map
	Capabilities          []Symbol
}

func (s *Source) write(w *fieldWriter) {
	w.address(s.Address, s.AddressPresent)
	w.nonzero(s.Durable)
	w.symbol(s.ExpiryPolicy)
	w.nonzero(s.Timeout)
	w.flag(s.Dynamic)
	w.mapping(s.DynamicNodeProperties)
	w.symbol(s.DistributionMode)
	w.mapping(s.Filter)
	w.state(s.DefaultOutcome)
	w.symbols(s.Outcomes)
	w.symbols(s.Capabilities)
}

func (s *Source) read(f *fields) {
	s.AddressPresent = f.string(&s.Address)
	f.uint32(&s.Durable)
	f.symbol(&s.ExpiryPolicy)
	f.uint32(&s.Timeout)
	f.bool(&s.Dynamic)
	f.mapping(&s.DynamicNodeProperties)
	f.symbol(&s.DistributionMode)
	f.mapping(&s.Filter)
	f.state(&s.DefaultOutcome)
	f.symbols(&s.Outcomes)
	f.symbols(&s.Capabilities)
}

func (t *Target) write(w *fieldWriter) {
	w.address(t.Address, t.AddressPresent)
	w.nonzero(t.Durable)
	w.symbol(t.ExpiryPolicy)
	w.nonzero(t.Timeout)
	w.flag(t.Dynamic)
	w.mapping(t.DynamicNodeProperties)
	w.symbols(t.Capabilities)
}

func (t *Target) read(f *fields) {
	t.AddressPresent = f.string(&t.Address)
	f.uint32(&t.Durable)
	f.symbol(&t.ExpiryPolicy)
	f.uint32(&t.Timeout)
	f.bool(&t.Dynamic)
	f.mapping(&t.DynamicNodeProperties)
	f.symbols(&t.Capabilities)
}

func (w *fieldWriter) address(v string, present bool) {
	if v == "" && !present {
		w.null()
		return
	}
	w.string(v)
}

func (f *fields) source(p **Source) {
	f.described("a source", func(descriptor any, code uint64, d *decoder) error {
		if code != codeSource {
			return decodeErrorf("descriptor %v where a source is due", descriptor)
		}
		list, err := d.fieldList()
		if err != nil {
			return err
		}
		*p = &Source{}
		(*p).read(list)
		return list.done()
	})
}

func (f *fields) target(p **Target, coordinator *bool) {
	f.described("a target", func(descriptor any, code uint64, d *decoder) error {
		if code == codeCoordinator {
			*coordinator = true
			_, err := d.value()
			return err
		}
		if code != codeTarget {
			return decodeErrorf("descriptor %v where a target is due", descriptor)
		}
		list, err := d.fieldList()
		if err != nil {
			return err
		}
		*p = &Target{}
		(*p).read(list)
		return list.done()
	})
}
