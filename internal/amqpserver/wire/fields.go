package wire

import "time"

// fields reads the list of a composite field by field. A field that is null or
// missing leaves its destination alone; each reader reports whether it was there.
// The first error stays, and every later call does nothing.
type fields struct {
	d    decoder
	left uint32
	err  error
}

// composite reads a described list: the code of its descriptor and its fields.
// The caller reads the fields, then calls done.
func (d *decoder) composite() (uint64, *fields, error) {
	b, err := d.uint8()
	if err != nil {
		return 0, nil, err
	}
	if b != 0 {
		return 0, nil, errConstructor(b, "a described list")
	}
	code, err := d.descriptorCode()
	if err != nil {
		return 0, nil, err
	}
	f, err := d.fieldList()
	return code, f, err
}

func (d *decoder) descriptorCode() (uint64, error) {
	v, err := d.descriptor()
	if err != nil {
		return 0, err
	}
	switch v := v.(type) {
	case uint64:
		return v, nil
	case Symbol:
		if code := codeOfSymbol(v); code != 0 {
			return code, nil
		}
	}
	return 0, decodeErrorf("unknown descriptor %v", v)
}

func (d *decoder) fieldList() (*fields, error) {
	code, err := d.uint8()
	if err != nil {
		return nil, err
	}
	if err := d.spend(); err != nil {
		return nil, err
	}
	switch code {
	case 0x45:
		sub, err := d.nested(nil)
		return &fields{d: sub}, err
	case 0xc0, 0xd0:
		sub, count, err := d.compound(code == 0xd0)
		return &fields{d: sub, left: count}, err
	}
	return nil, errConstructor(code, "a list of fields")
}

// done reads the fields nobody asked for and returns the first error.
func (f *fields) done() error {
	for f.err == nil && f.left > 0 {
		f.left--
		_, err := f.d.value()
		f.fail(err)
	}
	if f.err == nil {
		f.fail(f.d.spent())
	}
	return f.err
}

func (f *fields) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// next steps to the next field and returns its constructor, false when it is
// null, missing or unreadable.
func (f *fields) next() (byte, bool) {
	if f.err != nil || f.left == 0 {
		return 0, false
	}
	f.left--
	code, err := f.d.uint8()
	if err == nil {
		err = f.d.spend()
	}
	f.fail(err)
	return code, err == nil && code != 0x40
}

// must turns the absence of a mandatory field into an error.
func (f *fields) must(name string, present bool) {
	if !present && f.err == nil {
		f.err = decodeErrorf("mandatory field %s is missing", name)
	}
}

func (f *fields) bool(p *bool) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	switch code {
	case 0x41:
		*p = true
	case 0x42:
		*p = false
	case 0x56:
		x, err := f.d.uint8()
		if err == nil {
			*p, err = boolean(x)
		}
		f.fail(err)
	default:
		f.fail(errConstructor(code, "a boolean"))
	}
	return true
}

func (f *fields) uint8(p *uint8) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	if code != 0x50 {
		f.fail(errConstructor(code, "a ubyte"))
		return true
	}
	x, err := f.d.uint8()
	f.fail(err)
	*p = x
	return true
}

func (f *fields) uint16(p *uint16) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	if code != 0x60 {
		f.fail(errConstructor(code, "a ushort"))
		return true
	}
	x, err := f.d.uint16()
	f.fail(err)
	*p = x
	return true
}

func (f *fields) uint32(p *uint32) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	switch code {
	case 0x43:
		*p = 0
	case 0x52:
		x, err := f.d.uint8()
		f.fail(err)
		*p = uint32(x)
	case 0x70:
		x, err := f.d.uint32()
		f.fail(err)
		*p = x
	default:
		f.fail(errConstructor(code, "a uint"))
	}
	return true
}

func (f *fields) optUint32(p **uint32) bool {
	var x uint32
	if !f.uint32(&x) {
		return false
	}
	*p = &x
	return true
}

func (f *fields) uint64(p *uint64) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	switch code {
	case 0x44:
		*p = 0
	case 0x53:
		x, err := f.d.uint8()
		f.fail(err)
		*p = uint64(x)
	case 0x80:
		x, err := f.d.uint64()
		f.fail(err)
		*p = x
	default:
		f.fail(errConstructor(code, "a ulong"))
	}
	return true
}

func (f *fields) string(p *string) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	if code != 0xa1 && code != 0xb1 {
		f.fail(errConstructor(code, "a string"))
		return true
	}
	b, err := f.d.variable(code)
	if err == nil {
		*p, err = toString(b)
	}
	f.fail(err)
	return true
}

func (f *fields) symbol(p *Symbol) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	if code != 0xa3 && code != 0xb3 {
		f.fail(errConstructor(code, "a symbol"))
		return true
	}
	b, err := f.d.variable(code)
	if err == nil {
		*p, err = toSymbol(b)
	}
	f.fail(err)
	return true
}

// binary leaves a slice of the decoded bytes themselves in p.
func (f *fields) binary(p *[]byte) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	if code != 0xa0 && code != 0xb0 {
		f.fail(errConstructor(code, "a binary"))
		return true
	}
	b, err := f.d.variable(code)
	f.fail(err)
	*p = b
	return true
}

func (f *fields) timestamp(p *time.Time) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	if code != 0x83 {
		f.fail(errConstructor(code, "a timestamp"))
		return true
	}
	x, err := f.d.uint64()
	f.fail(err)
	*p = time.UnixMilli(int64(x)).UTC()
	return true
}

// any reads a field of any type that is not described.
func (f *fields) any(p *any) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	v, err := f.d.bare(code)
	f.fail(err)
	*p = v
	return true
}

func (f *fields) mapping(p *Map) bool {
	var v any
	if !f.any(&v) || f.err != nil {
		return f.err != nil
	}
	m, ok := v.(Map)
	if !ok {
		f.fail(decodeErrorf("%T where a map is due", v))
	}
	*p = m
	return true
}

// symbols reads a field of symbols with multiple="true": one of them or an array.
func (f *fields) symbols(p *[]Symbol) bool {
	var v any
	if !f.any(&v) || f.err != nil {
		return f.err != nil
	}
	switch v := v.(type) {
	case Symbol:
		*p = []Symbol{v}
		return true
	case Array:
		out := make([]Symbol, 0, len(v))
		for _, item := range v {
			s, ok := item.(Symbol)
			if !ok {
				f.fail(decodeErrorf("%T in an array of symbols", item))
				return true
			}
			out = append(out, s)
		}
		*p = out
		return true
	}
	f.fail(decodeErrorf("%T where symbols are due", v))
	return true
}

// described reads a described field: read gets the code of its descriptor and a
// decoder standing before its value. A descriptor that is an unknown symbol has
// code 0.
func (f *fields) described(what string, read func(descriptor any, code uint64, d *decoder) error) bool {
	code, ok := f.next()
	if !ok {
		return false
	}
	if code != 0 {
		f.fail(errConstructor(code, what))
		return true
	}
	sub, err := f.d.nested(f.d.b)
	if err != nil {
		f.fail(err)
		return true
	}
	descriptor, err := sub.descriptor()
	if err != nil {
		f.fail(err)
		return true
	}
	var number uint64
	switch v := descriptor.(type) {
	case uint64:
		number = v
	case Symbol:
		number = codeOfSymbol(v)
	}
	if err := read(descriptor, number, &sub); err != nil {
		f.fail(err)
		return true
	}
	f.d.b = sub.b
	return true
}
