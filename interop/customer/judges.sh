# The customer's own programs, on Microsoft's uAMQP for Python.

# customer PROGRAM: its command line up to the hub.
customer() { echo "$python" "interop/customer/$1.py" "$work/hub.json"; }

# The library's URI form knows port 5671 only.
if start_hub 127.0.0.1:5671; then
	ok 'the hub serves at port 5671: the judges use the page'\''s URI form'
else
	skip "the page's URI form: port 5671 is taken, the judges use SASLPlain objects"
	start_hub_anywhere
fi
record_wire

if "$python" -c 'import uamqp' 2>/dev/null; then
	echo "--- the customer's programs, uAMQP $("$python" -c 'import uamqp; print(uamqp.__version__)')"
	judge 'device sends telemetry' $(customer device_send) gateway-1 first second third fourth
	says 'the messages are accepted' '^result: SendComplete$'
	says_not 'all of them' 'SendFailed'

	judge 'our own tool reads the four events' "$work/hub" events --hub "$work/hub.json" --from start \
		--device gateway-1 --count 4 --timeout 30s --json
	says 'the text arrived' '"body":"first"'
	says 'so did the application property' '"app_property_key":"app_property_value"'
	partition=$(field partition)
	last=$(field sequence_number)

	judge 'service follows the redirect and reads behind a sequence number' $(customer service_events) "$partition" $((last - 2))
	says 'it was redirected' '^redirected to amqps://localhost:'
	says 'the third message is there' '^third$'
	says 'the fourth message is there' '^fourth$'
	says_not 'the second is filtered out' '^second$'
	says 'the sequence number is there' "^	: $last\$"

	judge 'service sends a message to a device' $(customer service_send) gateway-1 msg-1 'Message content goes here!'
	says 'the hub accepts it' '^result: SendComplete$'
	judge 'device receives it' $(customer device_receive) gateway-1
	says 'the text arrived' '^Message content goes here!$'
	says 'to is the link path' 'to: .*/devices/gateway-1/messages/device[bB]ound'
	says 'the message id arrived' "message_id: .*msg-1"
	says 'x-opt-sequence-number is a number' 'x-opt-sequence-number:  [0-9]+$'
	judge 'service reads the feedback' $(customer service_feedback)
	says 'the status is Success' 'statusCode: Success$'
	says 'of this message' 'originalMessageId: msg-1$'
	says 'of this device' 'deviceId: gateway-1$'

	refused 'a message to an unknown device is refused' $(customer service_send) nobody msg-2 text
	says 'the sender sees it' '^result: SendFailed$'
else
	for text in 'device sends telemetry' 'service follows the redirect' 'service sends a message' \
		'device receives it' 'service reads the feedback' 'a message to an unknown device'; do
		skip "$text: /usr/bin/python3 has no uamqp (Debian: python3-uamqp)"
	done
fi

"$work/hub" send --hub "$work/hub.json" --device gateway-2 --command ping >/dev/null
"$work/hub" events --hub "$work/hub.json" --from start --timeout 2s >/dev/null
judge_wire '' "the wire of the customer's programs" --damage
