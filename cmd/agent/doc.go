// Agent is the device agent for a small Linux gateway: it samples sensors,
// keeps every reading until Azure IoT Hub has accepted it, and carries out the
// hub's commands once.
//
// Try it with no hardware and no cloud:
//
//	go run ./cmd/agent demo
//
// Usage:
//
//	agent COMMAND [flags]
//
// The commands are listed by "agent help"; each has --help with an example.
// Exit codes: 0 fine, 1 failure, 2 usage, 3 configuration, 4 store, 5 no agent
// at the socket.
package main
