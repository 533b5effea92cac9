#!/usr/bin/env bash
# The long proofs, by name: scripts/proof.sh NAME [COUNT]. Without a name, their list.
#
# Each installs what it needs (on Debian, as root), prints what it does and a table
# at the end. Exit code: 0 proven, 1 refuted, 2 no such proof, 3 nothing was
# refuted but something was skipped.
# KEEP=FOLDER keeps the log and the table. Further words after COUNT go to the test
# binary: -seed N repeats a run.
set -euo pipefail
cd "$(dirname "$0")/.."

list() {
	local f
	for f in scripts/proof/*.sh; do
		printf '%-18s%s\n' "$(basename "$f" .sh)" "$(sed -n '1s/^# //p' "$f")"
	done
}

name=${1-}
[ -n "$name" ] || { list; exit 0; }
if [[ $name == */* || ! -f scripts/proof/$name.sh ]]; then
	echo "no proof $name; there are:" >&2
	list >&2
	exit 2
fi
shift

scratch=$(mktemp -d)
child=
cleanup() {
	[ -z "$child" ] || { kill "$child" && wait "$child"; } 2>/dev/null || true
	rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
out=$scratch
[ -z "${KEEP-}" ] || { mkdir -p "$KEEP"; out=$(cd "$KEEP" && pwd); }
log=$out/$name.log
table=$out/$name.table
: >"$log" >"$table"
failed=0

# need COMMAND PACKAGE: installs the package when the command is missing.
need() {
	command -v "$1" >/dev/null || PATH=$PATH:/sbin:/usr/sbin command -v "$1" >/dev/null && return
	echo "==> package: $2"
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq && apt-get install -y -qq --no-install-recommends "$2" >/dev/null
}

# run TITLE COMMAND...: runs it, and goes on when it fails.
run() {
	local title=$1 began=$SECONDS
	shift
	echo "==> $title"
	echo "== $title: $*" >>"$log"
	echo "== $title" >>"$table"
	# In the background, so that a signal is handled at once.
	"$@" >>"$log" 2>&1 &
	child=$!
	if wait "$child"; then
		echo "==> $title: passed, $((SECONDS - began)) s"
	else
		echo "==> $title: FAILED, $((SECONDS - began)) s"
		failed=1
	fi
	child=
}

# crash BINARY: the tests of store/crash as one program. GOARCH and the like apply.
crash() { CGO_ENABLED=0 go test -tags proof -c -o "$1" ./store/crash; }

# prove TITLE BINARY TESTS FLAG...: runs tests of such a binary.
prove() {
	local title=$1 binary=$2 tests=$3
	shift 3
	run "$title" "$binary" -test.v -test.timeout 24h -test.run "^($tests)\$" -table "$table" "$@"
}

PATH=$PATH:/sbin:/usr/sbin
go version
count=${1-}
[ $# -eq 0 ] || shift
more=("$@")
. "scripts/proof/$name.sh"

if [ "$failed" != 0 ]; then
	grep -aE '^ +[a-z_]+_test\.go:|^panic|^--- FAIL' "$log" | cut -c1-400 | grep -v ', seed [0-9]*$' | head -n 60 || true
fi
echo
cat "$table"
skipped=$(grep -c SKIPPED "$log" || true)
[ "$skipped" = 0 ] || grep -a SKIPPED "$log" | sed 's/^ */skipped: /' | sort | uniq -c
if [ "$failed" != 0 ]; then
	echo "$name: REFUTED in $SECONDS s; the whole output: $([ -n "${KEEP-}" ] && echo "$log" || echo run again with KEEP=FOLDER)"
	exit 1
fi
[ "$skipped" = 0 ] || { echo "$name: nothing refuted, $skipped skipped, $SECONDS s"; exit 3; }
echo "$name: PROVEN in $SECONDS s"
