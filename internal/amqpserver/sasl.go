package amqpserver

import (
	"errors"
	"fmt"
	"slices"

	"fieldpost/internal/amqpserver/wire"
)

// sasl runs the server's half of the SASL layer (spec 5.3): header, mechanisms,
// the client's init, outcome.
func (c *Conn) sasl() error {
	hello, err := wire.AppendFrame([]byte(headerSASL), wire.FrameSASL, 0, &wire.SASLMechanisms{Mechanisms: c.opts.Mechanisms})
	if err != nil {
		return fmt.Errorf("offering SASL mechanisms: %w", err)
	}
	if err := c.write(hello); err != nil {
		return err
	}
	f, err := c.frames.Next()
	if err != nil {
		return fmt.Errorf("reading sasl-init: %w", err)
	}
	if f.Type != wire.FrameSASL {
		return fmt.Errorf("frame of type %d in the SASL layer", f.Type)
	}
	body, err := wire.ParseBody(f.Body)
	if err != nil {
		return fmt.Errorf("reading sasl-init: %w", err)
	}
	init, ok := body.(*wire.SASLInit)
	if !ok {
		return fmt.Errorf("%T where sasl-init is due", body)
	}

	refused := c.authenticate(init)
	outcome := &wire.SASLOutcome{Code: wire.SASLCodeOK, AdditionalData: c.opts.Welcome}
	if refused != nil {
		outcome = &wire.SASLOutcome{Code: wire.SASLCodeAuth}
	}
	bye, err := wire.AppendFrame(nil, wire.FrameSASL, 0, outcome)
	if err != nil {
		return fmt.Errorf("sending SASL outcome: %w", err)
	}
	if err := c.write(bye); err != nil {
		return err
	}
	if refused != nil {
		return fmt.Errorf("SASL %s refused: %w", init.Mechanism, refused)
	}
	return nil
}

func (c *Conn) authenticate(init *wire.SASLInit) error {
	if !slices.Contains(c.opts.Mechanisms, init.Mechanism) {
		return errors.New("mechanism was not offered")
	}
	c.callbacks.Lock()
	defer c.callbacks.Unlock()
	c.met = true
	return c.opts.Handler.Authenticate(c, string(init.Mechanism), slices.Clone(init.InitialResponse))
}
