package wire

// Message is one message with its sections (spec 3.2). Its body is any number
// of Data sections, any number of Sequence sections, or one Value (HasValue).
type Message struct {
	Header                *Header
	DeliveryAnnotations   Map
	Annotations           Map
	Properties            *Properties
	ApplicationProperties Map // keys are string
	Data                  [][]byte
	Sequence              []List
	Value                 any
	HasValue              bool // tells a null Value from none
	Footer                Map
}

// roomForSections is what the other sections of most messages fit in, in bytes.
const roomForSections = 1 << 10

// Marshal encodes the sections that are there, in the order of the specification.
func (m *Message) Marshal() ([]byte, error) {
	size := roomForSections
	for _, data := range m.Data {
		size += len(data)
	}
	b := make([]byte, 0, size)
	var err error
	if m.Header != nil {
		if b, err = appendComposite(b, codeHeader, m.Header.write); err != nil {
			return nil, err
		}
	}
	if b, err = appendMapSection(b, codeDeliveryAnnotations, m.DeliveryAnnotations); err != nil {
		return nil, err
	}
	if b, err = appendMapSection(b, codeMessageAnnotations, m.Annotations); err != nil {
		return nil, err
	}
	if m.Properties != nil {
		if b, err = appendComposite(b, codeProperties, m.Properties.write); err != nil {
			return nil, err
		}
	}
	if b, err = appendMapSection(b, codeApplicationProperties, m.ApplicationProperties); err != nil {
		return nil, err
	}
	if b, err = m.appendBody(b); err != nil {
		return nil, err
	}
	return appendMapSection(b, codeFooter, m.Footer)
}

func (m *Message) appendBody(b []byte) ([]byte, error) {
	for _, data := range m.Data {
		b = appendBinary(appendUint64(append(b, 0), codeData), data)
	}
	var err error
	for _, list := range m.Sequence {
		if b, err = appendList(appendUint64(append(b, 0), codeSequence), list, 1); err != nil {
			return nil, err
		}
	}
	if m.HasValue {
		return appendValue(appendUint64(append(b, 0), codeValue), m.Value, 1)
	}
	return b, nil
}

func appendMapSection(b []byte, code uint64, m Map) ([]byte, error) {
	if m == nil {
		return b, nil
	}
	return appendMap(appendUint64(append(b, 0), code), m, 1)
}

// ParseMessage decodes the sections of one message. They must come in the order
// of the specification, each once but Data and Sequence; a message without a
// body is taken. Data shares the memory of b. An error is an *Error with
// amqp:decode-error.
func ParseMessage(b []byte) (*Message, error) {
	m := &Message{}
	d := newDecoder(b)
	var last uint64
	for len(d.b) > 0 {
		code, err := m.section(d, last)
		if err != nil {
			return nil, err
		}
		last = code
	}
	return m, nil
}

// section reads one section behind the section with code last.
func (m *Message) section(d *decoder, last uint64) (uint64, error) {
	b, err := d.uint8()
	if err != nil {
		return 0, err
	}
	if b != 0 {
		return 0, errConstructor(b, "a section")
	}
	code, err := d.descriptorCode()
	if err != nil {
		return 0, err
	}
	repeats := code == last && (code == codeData || code == codeSequence)
	mixes := last >= codeData && last <= codeValue && code <= codeValue
	if !repeats && (code <= last || mixes) {
		return 0, decodeErrorf("section 0x%x behind section 0x%x", code, last)
	}
	switch code {
	case codeHeader:
		m.Header = &Header{Priority: defaultPriority}
		err = readSection(d, m.Header.read)
	case codeProperties:
		m.Properties = &Properties{}
		err = readSection(d, m.Properties.read)
	case codeDeliveryAnnotations:
		m.DeliveryAnnotations, err = mapSection(d)
	case codeMessageAnnotations:
		m.Annotations, err = mapSection(d)
	case codeApplicationProperties:
		m.ApplicationProperties, err = mapSection(d)
		for k := range m.ApplicationProperties {
			if _, ok := k.(string); !ok {
				return 0, decodeErrorf("application property with a key of type %T", k)
			}
		}
	case codeFooter:
		m.Footer, err = mapSection(d)
	case codeData:
		err = m.dataSection(d)
	case codeSequence:
		err = m.sequenceSection(d)
	case codeValue:
		m.HasValue = true
		m.Value, err = d.value()
	default:
		return 0, decodeErrorf("descriptor 0x%x is no section", code)
	}
	return code, err
}

func (m *Message) dataSection(d *decoder) error {
	if err := d.spend(); err != nil {
		return err
	}
	code, err := d.uint8()
	if err != nil {
		return err
	}
	if code != 0xa0 && code != 0xb0 {
		return errConstructor(code, "binary")
	}
	data, err := d.variable(code)
	m.Data = append(m.Data, data)
	return err
}

func (m *Message) sequenceSection(d *decoder) error {
	v, err := d.value()
	if err != nil {
		return err
	}
	list, ok := v.(List)
	if !ok {
		return decodeErrorf("sequence section holds %T", v)
	}
	m.Sequence = append(m.Sequence, list)
	return nil
}

func readSection(d *decoder, read func(*fields)) error {
	f, err := d.fieldList()
	if err != nil {
		return err
	}
	read(f)
	return f.done()
}

func mapSection(d *decoder) (Map, error) {
	v, err := d.value()
	if err != nil {
		return nil, err
	}
	if v == nil {
		return nil, nil
	}
	m, ok := v.(Map)
	if !ok {
		return nil, decodeErrorf("%T where a map is due", v)
	}
	return m, nil
}
