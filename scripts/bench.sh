#!/bin/sh
# The benchmarks behind docs/BENCHMARKS.md, on a machine that does nothing else.
# Ratios within one run count; absolute figures belong to the machine.
set -eu
cd "$(dirname "$0")/.."
go version
go test -run '^$' -bench . -skip Scale -benchtime "${BENCHTIME:-2s}" -count "${COUNT:-3}" ./store ./hub
go test -run '^$' -bench Drain -benchtime 1x -count "${COUNT:-3}" -timeout 1h ./uplink
go test -run '^$' -bench Scale -benchtime 1x -count "${COUNT:-3}" -timeout 1h ./hub
