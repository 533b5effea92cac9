# Microsoft's SDKs for Node: azure-iot-device, azure-iothub and @azure/event-hubs,
# over AMQP and over AMQP in WebSocket.

node_without='' no_hub='' # what is missing
if [ -s "$work/modules" ]; then
	NODE_PATH=$(cat "$work/modules")
	export NODE_PATH NODE_EXTRA_CA_CERTS=$work/ca.pem
	# The hub has no IPv6 address, and old versions try one only.
	export NODE_OPTIONS=--dns-result-order=ipv4first
	echo "--- Microsoft's SDKs for Node, Node $(node --version)"
else
	node_without=$(tail -n 1 "$work/npm.log")
	echo "--- Microsoft's SDKs for Node"
	sed 's/^/        | /' "$work/npm.log"
fi

# node_judge TEXT PROGRAM TRANSPORT ARGUMENT...
node_judge() {
	local text="$1, over $3" program=$2 without=$node_without
	shift 2
	[ -n "$without" ] || [ -n "$hub_pid" ] || without=$no_hub
	if [ -n "$without" ]; then skip "$text: $without"; else checks "$text" node "interop/node/$program.js" "$work/hub.json" "$@"; fi
}

# node_judges TRANSPORT: all of them. Events come first: they want an empty partition.
node_judges() {
	node_judge 'Event Hubs SDK' events "$1"
	node_judge 'telemetry of the device SDK' telemetry "$1" gateway-1
	if [ -s "$work/device.pem" ]; then
		node_judge 'telemetry of an X.509 device' telemetry "$1" gateway-3 "$work/device.pem" "$work/device.key"
	else
		skip "telemetry of an X.509 device, over $1: there is no openssl to make a certificate with"
	fi
	node_judge 'commands and feedback' commands "$1" gateway-1
	node_judge 'every end of a command' feedback "$1" gateway-1
	node_judge 'twin' twin "$1" gateway-1
	node_judge 'direct methods' methods "$1" gateway-1
}

device_with_certificate=()
if openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=gateway-3 -days 2 \
	-keyout "$work/device.key" -out "$work/device.pem" 2>/dev/null; then
	device_with_certificate=(--x509 "gateway-3=$work/device.pem")
fi

start_hub_anywhere "${device_with_certificate[@]}"
record_wire
node_judges amqp
node_judge 'batch of telemetry' batch amqp gateway-1
judge_wire "$node_without" 'the wire of the SDKs for Node'

start_hub_anywhere
record_wire
node_judge 'large messages' large amqp gateway-1
judge_wire "$node_without" 'the wire of large messages of the SDK' --several-transfers --damage

# Over WebSocket the SDKs know port 443 only.
start_hub 127.0.0.1:443 "${device_with_certificate[@]}" || no_hub='port 443 is taken, or not ours to take'
[ -z "$hub_pid" ] || record_wire
node_judges ws
node_judge 'large messages' large ws gateway-1
judge_wire "${node_without:-$no_hub}" 'the wire of the SDKs over WebSocket' --websocket --several-transfers --damage
