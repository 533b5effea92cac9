#!/bin/sh
# The benchmarks behind docs/BENCHMARKS.md, on a machine that does nothing else.
# Ratios within one run count; absolute figures belong to the machine.
#
#   scripts/bench.sh                      what go test -bench measures
#   scripts/bench.sh store|uplink [ARG...]   scripts/bench-store.sh, scripts/bench-uplink.sh
set -eu
cd "$(dirname "$0")/.."
case "${1-}" in
store | uplink)
	part=$1
	shift
	exec "scripts/bench-$part.sh" "$@"
	;;
esac
go version
go test -run '^$' -bench . -skip Scale -benchtime "${BENCHTIME:-2s}" -count "${COUNT:-3}" ./store ./hub
go test -run '^$' -bench Drain -benchtime 1x -count "${COUNT:-3}" -timeout 1h ./uplink
go test -run '^$' -bench Scale -benchtime 1x -count "${COUNT:-3}" -timeout 1h ./hub
