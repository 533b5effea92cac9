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

no_skips=
[ "${1-}" != --no-skips ] || no_skips=yes
python=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1
work=$(mktemp -d)

. interop/lib.sh
trap stop EXIT
go build -trimpath -o "$work/hub" ./cmd/hub

. interop/customer/judges.sh
. interop/node/judges.sh
. interop/proton/judges.sh

echo
echo "interop: $passed passed, $failed failed, $skipped skipped in $SECONDS s"
[ "$failed" -eq 0 ] || exit 1
[ -z "$no_skips" ] || [ "$skipped" -eq 0 ] || { echo 'interop: --no-skips was given'; exit 1; }
