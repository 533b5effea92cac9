#!/usr/bin/env bash
# Foreign judges of the local hub: the customer's own programs on Microsoft's
# uAMQP, Microsoft's SDKs for Node, Qpid Proton, and tshark on the wire. One
# command, from anywhere:
#
#   interop/run.sh [--no-skips]
#
# A judge whose program is not installed is skipped and counted; --no-skips
# makes that a failure. Exit code 0 when nothing failed.
set -euo pipefail
cd "$(dirname "$0")/.."

# What may have to be fetched comes first: the judges need no network.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -trimpath -o "$work/hub" ./cmd/hub
interop/node/install.sh >"$work/modules" 2>"$work/npm.log" || true # judges.sh tells what is missing

# In a network of its own every port is free. Who may not make one, or has no
# program ip, uses the machine's ports.
network=()
if unshare --net ip link set lo up 2>/dev/null; then
	network=(unshare --net bash -c 'ip link set lo up && exec "$@"' bash)
fi
exec "${network[@]}" interop/judges.sh "$work" "$@"
