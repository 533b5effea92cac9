package service

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/Azure/go-amqp"
)

// partitions asks the event log's $management node for its partition ids.
func partitions(ctx context.Context, c *connection, entity string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := manage(ctx, c, map[string]any{
		"operation": "READ",
		"name":      entity,
		"type":      "com.microsoft:eventhub",
	})
	if err != nil {
		return nil, fmt.Errorf("read partitions of %s: %w", entity, err)
	}
	var ids []string
	switch list := answer["partition_ids"].(type) {
	case []string:
		ids = list
	case []any:
		for _, v := range list {
			ids = append(ids, textOf(v))
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("read partitions of %s: the answer names none", entity)
	}
	return ids, nil
}

// manage does one request and response with $management, on a session of its own.
func manage(ctx context.Context, c *connection, request map[string]any) (map[string]any, error) {
	session, err := c.session(ctx)
	if err != nil {
		return nil, err
	}
	defer endSession(c.timeout, session)
	id := "management-" + rand.Text()
	receiver, err := session.NewReceiver(ctx, "$management", &amqp.ReceiverOptions{TargetAddress: id})
	if err != nil {
		return nil, opError("attach to $management", err)
	}
	sender, err := session.NewSender(ctx, "$management", &amqp.SenderOptions{SourceAddress: id})
	if err != nil {
		return nil, opError("attach to $management", err)
	}
	msg := amqp.NewMessage(nil)
	msg.Properties = &amqp.MessageProperties{MessageID: id, ReplyTo: &id}
	msg.ApplicationProperties = request
	receipt, err := sender.SendWithReceipt(ctx, msg, nil)
	if err != nil {
		return nil, opError("request", err)
	}
	state, err := receipt.Wait(ctx)
	if err != nil {
		return nil, opError("request", err)
	}
	if refused, ok := state.(*amqp.StateRejected); ok {
		return nil, hubError("request", refused.Error)
	}
	for {
		reply, err := receiver.Receive(ctx, nil)
		if err != nil {
			return nil, opError("wait for the answer", err)
		}
		if err := receiver.AcceptMessage(ctx, reply); err != nil {
			return nil, opError("settle the answer", err)
		}
		if reply.Properties == nil || reply.Properties.CorrelationID != id {
			continue
		}
		return answerOf(reply)
	}
}

// answerOf returns the body of a management answer, or what it complains of.
func answerOf(reply *amqp.Message) (map[string]any, error) {
	status, ok := toInt(reply.ApplicationProperties["status-code"])
	if !ok || status < 200 || status > 299 {
		return nil, fmt.Errorf("status %s %s",
			textOf(reply.ApplicationProperties["status-code"]),
			textOf(reply.ApplicationProperties["status-description"]))
	}
	switch body := reply.Value.(type) {
	case map[string]any:
		return body, nil
	case map[any]any:
		m := make(map[string]any, len(body))
		for k, v := range body {
			m[textOf(k)] = v
		}
		return m, nil
	default:
		return nil, fmt.Errorf("the answer is a %T, not a map", reply.Value)
	}
}
