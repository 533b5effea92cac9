package c2d

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/internal/http1"
)

// apiVersion is the version of the hub's protocol for methods that this is
// written against.
const apiVersion = "2021-04-12"

// methodsAgain is the time between two attempts at a hub that has no methods: it
// may be moved to another tier.
const methodsAgain = time.Hour

// Methods answers direct methods with the actions of a Loop. It is a tenant of
// the connection beside it; the name of a method is that of a command, its
// payload the arguments.
type Methods struct{ loop *Loop }

// Methods returns the tenant for direct methods.
func (l *Loop) Methods() *Methods { return &Methods{l} }

// Name returns "methods".
func (*Methods) Name() string { return "methods" }

// WithoutMethods returns the condition with which the hub said that it has no
// direct methods, as those of the basic tier; empty while it does not say so.
func (l *Loop) WithoutMethods() string {
	if why := l.without.Load(); why != nil {
		return *why
	}
	return ""
}

// methodLinks are the two links of a device's methods.
type methodLinks struct {
	in  *amqp.Receiver
	out *amqp.Sender
}

// Serve answers methods on session until ctx ends or a link does. A hub without
// methods is no failure: it is left alone and asked again once an hour.
func (m *Methods) Serve(ctx context.Context, session *amqp.Session) error {
	l := m.loop
	for {
		links, err := m.attach(ctx, session)
		if err == nil {
			l.without.Store(nil)
			return m.answer(ctx, links)
		}
		why := withoutMethods(err)
		if why == "" {
			return err
		}
		if old := l.without.Swap(&why); old == nil {
			l.opt.Log.Warn("hub has no direct methods", "err", err, "hint", "hubs of the basic tier have none; commands.allow_methods = [] has the agent not ask for them")
		}
		again := time.NewTimer(methodsAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return context.Cause(ctx)
		}
	}
}

// withoutMethods returns the condition of a hub that has no methods, and nothing
// for other failures. Source: Azure IoT Hub error codes, 403010.
func withoutMethods(err error) string {
	var said *amqp.Error
	if !refused(err) || !errors.As(err, &said) {
		return ""
	}
	switch said.Condition {
	case amqp.ErrCondNotFound, amqp.ErrCondNotAllowed, amqp.ErrCondNotImplemented:
		return string(said.Condition)
	}
	if strings.Contains(said.Description, "403010") {
		return string(said.Condition) + " 403010"
	}
	return ""
}

// attach opens both links. To have the receiver attached is to be ready for
// methods, so it comes last.
func (m *Methods) attach(ctx context.Context, session *amqp.Session) (links methodLinks, err error) {
	l := m.loop
	address := "/devices/" + url.PathEscape(l.opt.DeviceID()) + "/methods/devicebound"
	properties := map[string]any{
		"com.microsoft:api-version":            apiVersion,
		"com.microsoft:channel-correlation-id": "methods:" + newUUID(),
	}
	if links.out, err = session.NewSender(ctx, address, &amqp.SenderOptions{Properties: properties}); err != nil {
		return links, fmt.Errorf("attach sender %s: %w", address, err)
	}
	links.in, err = session.NewReceiver(ctx, address, &amqp.ReceiverOptions{
		Credit:         int32(l.opt.Concurrency),
		Properties:     properties,
		MaxMessageSize: maxMessage,
	})
	if err != nil {
		m.close(ctx, links.out)
		return links, fmt.Errorf("attach receiver %s: %w", address, err)
	}
	return links, nil
}

// answer answers methods until ctx ends or a link does.
func (m *Methods) answer(ctx context.Context, links methodLinks) error {
	defer m.close(ctx, links.out)
	defer m.close(ctx, links.in)
	return m.loop.inRoom(ctx, func(ctx context.Context) (work, error) {
		request, err := links.in.Receive(ctx, nil)
		if err != nil {
			return nil, fmt.Errorf("receive on %s: %w", links.in.Address(), err)
		}
		return func(ctx context.Context) error { return m.serve(ctx, links, request) }, nil
	})
}

func (m *Methods) close(ctx context.Context, link interface{ Close(context.Context) error }) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := link.Close(ctx); err != nil {
		m.loop.opt.Log.Debug("close link of methods", "err", err)
	}
}

// serve answers one method. One that cannot be answered is not carried out.
func (m *Methods) serve(ctx context.Context, links methodLinks, request *amqp.Message) error {
	l := m.loop
	// The hub delivers methods settled; a peer that does not is told so.
	if err := links.in.AcceptMessage(ctx, request); err != nil {
		return fmt.Errorf("accept a method: %w", err)
	}
	var id amqp.UUID
	isUUID := false
	if p := request.Properties; p != nil {
		id, isUUID = p.CorrelationID.(amqp.UUID)
	}
	if !isUUID {
		l.opt.Log.Warn("method without a correlation-id of type uuid: it cannot be answered, and is not carried out")
		return nil
	}
	answer, told := m.do(ctx, id, request)
	err := m.reply(ctx, links.out, id, answer)
	told()
	return err
}

func (m *Methods) do(ctx context.Context, id amqp.UUID, request *amqp.Message) (Answer, func()) {
	refuse := func(condition, reason string) (Answer, func()) {
		return Answer{Status: http1.StatusBadRequest, MessageID: id.String(), Outcome: "rejected", Condition: condition, Error: reason}, func() {}
	}
	name, _ := request.ApplicationProperties["IoThub-methodname"].(string)
	if name == "" {
		return refuse(ConditionInvalid, "the request has no method name")
	}
	payload, problem := body(request)
	if problem != "" {
		return refuse(ConditionDecode, problem)
	}
	return m.loop.Do(ctx, Request{Door: DoorMethods, ID: id.String(), Fresh: true, Name: name, Args: payload})
}

// reply sends an answer. When it cannot be sent the caller runs into its own
// time-out; the outcome stands, and its record goes upstream.
func (m *Methods) reply(ctx context.Context, out *amqp.Sender, id amqp.UUID, a Answer) error {
	l := m.loop
	payload, err := json.Marshal(a)
	if err == nil && len(payload) > maxMethodBody {
		a.Result, a.Error = nil, fmt.Sprintf("the answer has %d bytes, more than %d: see the result record", len(payload), maxMethodBody)
		payload, err = json.Marshal(a)
	}
	if err != nil {
		return fmt.Errorf("encode the answer of a method: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.opt.SettleIn)
	defer cancel()
	state, err := sendFor(ctx, out, &amqp.Message{
		Properties:            &amqp.MessageProperties{CorrelationID: id},
		ApplicationProperties: map[string]any{"IoThub-status": int32(a.Status)},
		Data:                  [][]byte{payload},
	})
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return errNoAnswer
	case err != nil:
		l.opt.Log.Info("answer of a method not sent", "message-id", a.MessageID, "err", err)
	default:
		if _, ok := state.(*amqp.StateAccepted); !ok {
			l.opt.Log.Warn("answer of a method not taken", "message-id", a.MessageID, "state", fmt.Sprintf("%T", state))
		}
	}
	return nil
}

// sendFor sends a message and waits for its outcome.
func sendFor(ctx context.Context, out *amqp.Sender, m *amqp.Message) (amqp.DeliveryState, error) {
	receipt, err := out.SendWithReceipt(ctx, m, nil)
	if err != nil {
		return nil, err
	}
	return receipt.Wait(ctx)
}
