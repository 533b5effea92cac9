#!/usr/bin/env bash
# Foreign judges of the local hub: the customer's own programs on Microsoft's
# uAMQP, and tshark on the wire. One command, from anywhere:
#
#   interop/run.sh [--no-skips]
#
# A judge whose program is not installed is skipped and counted; --no-skips
# makes that a failure. Exit code 0 when nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

no_skips=
[ "${1-}" != --no-skips ] || no_skips=yes
python=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
limit=60 # seconds one program may take: only a hang is longer
work=$(mktemp -d)
passed=0 failed=0 skipped=0
hub_pid='' dump_pid=''

stop() {
	[ -z "$dump_pid" ] || kill -INT "$dump_pid" 2>/dev/null || true
	[ -z "$hub_pid" ] || kill "$hub_pid" 2>/dev/null || true
	wait
	rm -rf "$work"
}
trap stop EXIT

ok() { passed=$((passed + 1)); echo "ok      $1"; }
bad() { failed=$((failed + 1)); echo "FAILED  $1"; [ ! -s "$work/out" ] || sed 's/^/        | /' "$work/out"; }
skip() { skipped=$((skipped + 1)); echo "skipped $1"; }

# judge TEXT COMMAND...: the command must succeed; its output stays in $work/out.
judge() {
	local text=$1
	shift
	if timeout "$limit" "$@" >"$work/out" 2>&1; then ok "$text"; else bad "$text"; fi
}

# refused TEXT COMMAND...: the command must fail by itself.
refused() {
	local text=$1 code=0
	shift
	timeout "$limit" "$@" >"$work/out" 2>&1 || code=$?
	if [ "$code" -ne 0 ] && [ "$code" -ne 124 ]; then ok "$text"; else bad "$text (exit code $code)"; fi
}

# says TEXT PATTERN: the last program's output must have a line like that.
says() {
	if grep -qE -- "$2" "$work/out"; then ok "$1"; else bad "$1 (no line like: $2)"; fi
}

# says_not TEXT PATTERN: it must have none.
says_not() {
	if grep -qE -- "$2" "$work/out"; then bad "$1 (a line like: $2)"; else ok "$1"; fi
}

# customer PROGRAM: its command line up to the hub.
customer() { echo "$python" "interop/customer/$1.py" "$work/hub.json"; }

wait_for() { # what has to become true, within the limit
	local tries=$((limit * 10))
	until "$@"; do
		tries=$((tries - 1))
		[ "$tries" -gt 0 ] || { echo "waited too long: $*"; return 1; }
		sleep 0.1
	done
}

# field NAME: the value of a field in the last line of JSON of $work/out.
field() { tail -n 1 "$work/out" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"; }

go build -trimpath -o "$work/hub" ./cmd/hub

start_hub() { # LISTEN
	"$work/hub" serve --json --listen "$1" --device gateway-1 --device gateway-2 \
		--feedback-every 1s --keylog "$work/keys" >"$work/hub.json" 2>"$work/hub.log" &
	hub_pid=$!
	wait_for bash -c '[ -s "$0" ] || ! kill -0 "$1" 2>/dev/null' "$work/hub.json" "$hub_pid"
	[ -s "$work/hub.json" ]
}

# The library's URI form knows port 5671 only.
if start_hub 127.0.0.1:5671; then
	ok 'the hub serves at port 5671: the judges use the page'\''s URI form'
else
	skip "the page's URI form: port 5671 is taken, the judges use SASLPlain objects"
	start_hub 127.0.0.1:0 || { cat "$work/hub.log"; exit 1; }
fi
port=$(sed -n 's/.*"listen":"[^"]*:\([0-9]*\)".*/\1/p' "$work/hub.json")

capture=
if command -v tshark >/dev/null && command -v dumpcap >/dev/null; then
	: >"$work/dumpcap.log"
	dumpcap -q -i lo -f "tcp port $port" -w "$work/session.pcapng" >/dev/null 2>"$work/dumpcap.log" &
	dump_pid=$!
	wait_for bash -c 'grep -q ^File: "$0" || ! kill -0 "$1" 2>/dev/null' "$work/dumpcap.log" "$dump_pid"
	if kill -0 "$dump_pid" 2>/dev/null; then capture=yes; else dump_pid=''; fi
fi

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

echo '--- the wire'
if [ -n "$capture" ]; then
	"$work/hub" send --hub "$work/hub.json" --device gateway-2 --command ping >/dev/null
	"$work/hub" events --hub "$work/hub.json" --from start --timeout 2s >/dev/null
	kill "$hub_pid" # the hub's own end of connections is part of the session
	wait "$hub_pid" || true
	hub_pid=''
	sleep 1 # what is still between the kernel and dumpcap
	kill -INT "$dump_pid"
	wait "$dump_pid" || true
	dump_pid=''
	if timeout "$limit" "$python" interop/tshark/judge.py "$work/session.pcapng" "$work/keys" "$port" >"$work/out" 2>&1 ||
		grep -q '^FAILED' "$work/out"; then
		while read -r word text; do
			case $word in
			ok) ok "$text" ;;
			FAILED) failed=$((failed + 1)); echo "FAILED  $text" ;;
			*) echo "        $word $text" ;;
			esac
		done <"$work/out"
	else
		bad 'tshark reads the session'
	fi
else
	skip 'tshark reads the session: no tshark, or no right to capture'
fi

echo
echo "interop: $passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] || exit 1
[ -z "$no_skips" ] || [ "$skipped" -eq 0 ] || { echo 'interop: --no-skips was given'; exit 1; }
