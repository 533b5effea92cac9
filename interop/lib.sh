# The frame of the judges, for judges.sh: counting, the hub they judge, and what
# goes over the wire meanwhile.

limit=120 # seconds one program may take: only a hang is longer
passed=0 failed=0 skipped=0
hub_pid='' dump_pid=''

stop() {
	[ -z "$dump_pid" ] || kill -INT "$dump_pid" 2>/dev/null || true
	[ -z "$hub_pid" ] || kill "$hub_pid" 2>/dev/null || true
	wait
	rm -rf "$work"
}

ok() { passed=$((passed + 1)); echo "ok      $1"; }
skip() { skipped=$((skipped + 1)); echo "skipped $1"; }
failure() { failed=$((failed + 1)); echo "FAILED  $1"; }
bad() { failure "$1"; [ ! -s "$work/out" ] || sed 's/^/        | /' "$work/out"; }

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

# checks TEXT COMMAND...: a program that says "plan N" first and then "ok" or
# "FAILED" for each of its N checks. One it did not get to is a failure.
checks() {
	local text=$1 plan=0 seen=0 code=0 word rest
	shift
	timeout "$limit" "$@" >"$work/out" 2>&1 || code=$?
	while read -r word rest; do
		case $word in
		plan) plan=$rest ;;
		ok) seen=$((seen + 1)); ok "$text: $rest" ;;
		FAILED) seen=$((seen + 1)); failure "$text: $rest" ;;
		*) echo "        | $word $rest" ;;
		esac
	done <"$work/out"
	if [ "$plan" -eq 0 ] || [ "$seen" -ne "$plan" ]; then
		failure "$text: $seen of $plan checks were run (exit code $code)"
	elif [ "$code" -ne 0 ] && ! grep -q '^FAILED' "$work/out"; then
		failure "$text: exit code $code after its checks"
	fi
}

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

# start_hub LISTEN FLAG...: a hub with an empty log. Fails when it cannot listen there.
start_hub() {
	local listen=$1
	shift
	rm -f "$work/hub.json" "$work/keys"
	"$work/hub" serve --json --listen "$listen" --device gateway-1 --device gateway-2 --ca-out "$work/ca.pem" \
		--feedback-every 1s --keylog "$work/keys" "$@" >"$work/hub.json" 2>"$work/hub.log" &
	hub_pid=$!
	wait_for bash -c '[ -s "$0" ] || ! kill -0 "$1" 2>/dev/null' "$work/hub.json" "$hub_pid"
	if [ ! -s "$work/hub.json" ]; then
		stop_hub
		return 1
	fi
	port=$(sed -n 's/.*"listen":"[^"]*:\([0-9]*\)".*/\1/p' "$work/hub.json")
}

# start_hub_anywhere FLAG...: at a free port.
start_hub_anywhere() { start_hub 127.0.0.1:0 "$@" || { cat "$work/hub.log"; exit 1; }; }

stop_hub() {
	[ -n "$hub_pid" ] || return 0
	kill "$hub_pid" 2>/dev/null || true
	wait "$hub_pid" || true
	hub_pid=''
}

# record_wire: captures what goes over the hub's port from now on, if that is possible.
record_wire() {
	command -v tshark >/dev/null && command -v dumpcap >/dev/null || return 0
	: >"$work/dumpcap.log"
	dumpcap -q -B 16 -i lo -f "tcp port $port" -w "$work/session.pcapng" >/dev/null 2>"$work/dumpcap.log" &
	dump_pid=$!
	wait_for bash -c 'grep -q ^File: "$0" || ! kill -0 "$1" 2>/dev/null' "$work/dumpcap.log" "$dump_pid"
	kill -0 "$dump_pid" 2>/dev/null || dump_pid=''
}

# judge_wire WITHOUT TEXT FLAG...: ends the hub, whose own end of connections is
# part of the session, and lets tshark read what was recorded; skips that when
# WITHOUT says what the session had to do without.
judge_wire() {
	local without=$1 text=$2
	shift 2
	stop_hub
	[ -n "$dump_pid" ] || without=${without:-no tshark, or no right to capture}
	if [ -n "$dump_pid" ]; then
		sleep 1 # what is still between the kernel and dumpcap
		kill -INT "$dump_pid"
		wait "$dump_pid" || true
		dump_pid=''
	fi
	if [ -n "$without" ]; then
		skip "$text: $without"
	else
		checks "$text" "$python" interop/tshark/judge.py "$@" "$work/session.pcapng" "$work/keys" "$port"
	fi
}
