// Command hub is the desk side of fieldpost: a local IoT Hub and the tools of
// its operator. It never runs on a device.
//
//	hub serve      a local IoT Hub over AMQP 1.0 and TLS
//	hub devices    the registry of a local hub, running or not
//	hub fault      let a local hub that runs misbehave
//	hub send       a command to a device, with its feedback
//	hub feedback   what became of commands
//	hub events     what devices have sent, in a consumer group, with an epoch
//	hub method     call a direct method of a device
//	hub twin       the twin of a device
//	hub purge      drop the commands that wait for a device
//	hub version    which build this is
//
// serve --json prints one line that says all a client needs: {listen, ca,
// devices:{ID:CONNSTR}, service:CONNSTR, modules:{DEVICE/MODULE:CONNSTR},
// policies:{NAME:CONNSTR}, websocket:URL, rest:HOST:PORT, control:PATH}, where ca
// is the certificate itself, in PEM; modules, websocket, rest, the address of its
// HTTPS, and control, its unix socket, are absent when there are none. Kept in a
// file it is what --hub of the other tools takes. --dir and --control ask a hub
// that runs for the same. They work on a real IoT Hub too: --connection-file names a
// file with the connection string of a policy that may connect as a service.
//
// Exit codes: 0 fine, 1 failure, 2 usage, 3 configuration.
package main
