#!/usr/bin/env bash
# The uplink's benchmark, as in docs/BENCHMARKS.md: scripts/bench-uplink.sh [FLAG...] [PART...]
#
#   rates    the drain beside bare go-amqp and Microsoft's SDK for Node, no delay
#   delay    the same behind a proxy, with round trips of 20 and 200 ms
#   outage   a built agent after a hub that was away for ten seconds, five times: six minutes
#
# Without a part, all of them. Flags are those of bench/uplink/main.go: -messages,
# -seconds, -rounds. Markdown goes to stdout, progress to stderr. The peer for Node is
# left out, and the report says so, where npm cannot install it.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d "${TMPDIR:-/var/tmp}/bench-uplink.XXXXXX")
bench=
cleanup() {
	local status=$?
	trap - EXIT INT TERM HUP
	[ -z "$bench" ] || { kill "$bench" && wait "$bench"; } 2>/dev/null || true
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

CGO_ENABLED=0 go build -C bench -o "$work/uplink" ./uplink
CGO_ENABLED=0 go build -o "$work/agent" ./cmd/agent
node=()
if modules=$(interop/node/install.sh); then
	export NODE_PATH=$modules
	node=(-node "$PWD/bench/uplink/send.js")
fi
mkdir "$work/w"

# In the background, so that a signal is handled at once.
"$work/uplink" -work "$work/w" -agent "$work/agent" "${node[@]}" "$@" &
bench=$!
status=0
wait "$bench" || status=$?
bench=
exit "$status"
