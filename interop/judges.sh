#!/usr/bin/env bash
# The judges one after the other, with what run.sh prepared in WORK, which goes
# at the end.
#
#   interop/judges.sh WORK [--no-skips]
set -euo pipefail

work=$1
no_skips=
[ "${2-}" != --no-skips ] || no_skips=yes
python=/usr/bin/python3
export PYTHONDONTWRITEBYTECODE=1

. interop/lib.sh
trap stop EXIT
. interop/customer/judges.sh
. interop/node/judges.sh
. interop/proton/judges.sh

echo
echo "interop: $passed passed, $failed failed, $skipped skipped in $SECONDS s"
[ "$failed" -eq 0 ] || exit 1
[ -z "$no_skips" ] || [ "$skipped" -eq 0 ] || { echo 'interop: --no-skips was given'; exit 1; }
