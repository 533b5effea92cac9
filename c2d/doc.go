// Package c2d carries out commands: the cloud-to-device messages of an IoT Hub,
// its direct methods, and what somebody asks for at the gateway itself.
//
// A command goes four steps: receive, decode, execute, settle. Loop does them
// with a table of Action that is handed in; it knows no action itself. Loop is
// a tenant of the connection: Serve takes one session, attaches a receiver to
// /devices/<id>/messages/devicebound and works until the session ends. What it
// met on the way is told by Report, one per step, and counted in Stats.
//
// Two more doors lead to the same actions, checks and journal, for senders who
// wait for the answer: Methods is the tenant for direct methods, Do the call for
// everybody else. Each door has its own list of what is allowed.
//
// # A command on the wire
//
// The application property "command" names the action and the body is a JSON
// object of arguments; an empty body is {}. Without the property the body is
// {"command": NAME, "args": {...}}. The body comes in Data sections or as an
// AMQP value that is a string or binary.
//
// # Outcomes
//
// The sender learns one of three outcomes. Completed is settled as accepted:
// the action ran and returned no error. Rejected is settled as rejected, with a
// condition and a reason: the message is no command, the command may not run
// here, or the action failed. Abandoned is settled as released: the gateway
// could not begin (busy, disk full, stopping) and the hub sends it again.
//
// A completed or rejected command has exactly one result record, with the same
// correlation-id as the command's message-id. An abandoned one has none.
//
// # Promises
//
// Before an action runs, its intent is on disk (Journal.Begin); before a command
// is settled, its outcome and its result are (Journal.Finish). So after a lost
// link or a power cut a redelivered command is settled again with the outcome it
// had. An outcome that the journal does not take is kept in memory for the next
// delivery. A command that was begun and whose outcome nobody knows is run again
// if its Action is Repeatable; a Resumable one decides itself; otherwise it is
// rejected: it may have happened. Recover does so at the start for what nobody
// sends again. Two messages with the same message-id are one command: the second
// gets the outcome of the first. This holds while the journal remembers the first.
//
// The hub locks a delivered message for 60 s. A busy gateway holds a command
// under that lock before it is released; a command that was released twice and
// finds the gateway busy again is rejected. An action has a deadline below the
// lock. When it was held before, it may outlast the lock: the hub then delivers
// the message again and that delivery waits for the action that runs.
//
// An action whose effect ends the process promises its result: the outcome is in
// the journal and settled first, the effect comes then, and the next start proves
// it and writes the result.
//
// # Limits
//
// Go cannot stop a function. An action that ignores its context past the
// deadline is reported as rejected ("timed out, may have happened") and keeps
// its target occupied until it returns; when Concurrency actions are lost like
// that, every further command finds the gateway busy. Serve waits for running
// commands for Options.Grace only; what runs longer keeps running, ends in the
// journal, and is settled when the hub delivers it again. Shutdown waits for it.
package c2d
