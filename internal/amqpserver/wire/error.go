package wire

// Error is the AMQP error a detach, end, close or rejected outcome carries
// (spec 2.8.14).
type Error struct {
	Condition   Symbol
	Description string
	Info        Map
}

// Error returns "condition: description".
func (e *Error) Error() string {
	if e.Description == "" {
		return string(e.Condition)
	}
	return string(e.Condition) + ": " + e.Description
}

// Conditions of the core specification (2.8.15 to 2.8.18).
const (
	CondInternalError         Symbol = "amqp:internal-error"
	CondNotFound              Symbol = "amqp:not-found"
	CondUnauthorizedAccess    Symbol = "amqp:unauthorized-access"
	CondDecodeError           Symbol = "amqp:decode-error"
	CondResourceLimitExceeded Symbol = "amqp:resource-limit-exceeded"
	CondNotAllowed            Symbol = "amqp:not-allowed"
	CondInvalidField          Symbol = "amqp:invalid-field"
	CondNotImplemented        Symbol = "amqp:not-implemented"
	CondResourceLocked        Symbol = "amqp:resource-locked"
	CondPreconditionFailed    Symbol = "amqp:precondition-failed"
	CondResourceDeleted       Symbol = "amqp:resource-deleted"
	CondIllegalState          Symbol = "amqp:illegal-state"
	CondFrameSizeTooSmall     Symbol = "amqp:frame-size-too-small"

	CondConnectionForced   Symbol = "amqp:connection:forced"
	CondFramingError       Symbol = "amqp:connection:framing-error"
	CondConnectionRedirect Symbol = "amqp:connection:redirect"

	CondWindowViolation  Symbol = "amqp:session:window-violation"
	CondErrantLink       Symbol = "amqp:session:errant-link"
	CondHandleInUse      Symbol = "amqp:session:handle-in-use"
	CondUnattachedHandle Symbol = "amqp:session:unattached-handle"

	CondDetachForced          Symbol = "amqp:link:detach-forced"
	CondTransferLimitExceeded Symbol = "amqp:link:transfer-limit-exceeded"
	CondMessageSizeExceeded   Symbol = "amqp:link:message-size-exceeded"
	CondLinkRedirect          Symbol = "amqp:link:redirect"
	CondLinkStolen            Symbol = "amqp:link:stolen"
)

func (e *Error) write(w *fieldWriter) {
	w.wrote(appendSymbol(w.b, e.Condition))
	w.text(e.Description)
	w.mapping(e.Info)
}

func (e *Error) read(f *fields) {
	f.must("condition", f.symbol(&e.Condition))
	f.string(&e.Description)
	f.mapping(&e.Info)
}

func (w *fieldWriter) error(e *Error) {
	if e == nil {
		w.null()
		return
	}
	w.composite(codeError, e.write)
}

func (f *fields) error(p **Error) {
	f.described("an error", func(descriptor any, code uint64, d *decoder) error {
		if code != codeError {
			return decodeErrorf("descriptor %v where an error is due", descriptor)
		}
		list, err := d.fieldList()
		if err != nil {
			return err
		}
		e := &Error{}
		e.read(list)
		*p = e
		return list.done()
	})
}
