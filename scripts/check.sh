#!/usr/bin/env bash
# The checks of this tree, by name: scripts/check.sh [STEP...]
#
#   without a step   what a change must pass before it is proposed
#   all              everything .ci/run does once its packages are installed
#
# Each step prints its time; the first that fails ends the run with its name.
set -euo pipefail
cd "$(dirname "$0")/.."

before_commit=(gofmt vet staticcheck test race 386 platforms)

# All of them. Two mostly wait: each runs beside some that only compile. The rest is judged
# by what a clock says, or has the disk to itself.
alone=(gofmt test race proofs network)
beside_board=(vet staticcheck 386 platforms)
beside_interop=(cross-build)
at_last=(package demo emulated clean)
everything=("${alone[@]}" board "${beside_board[@]}" interop "${beside_interop[@]}" "${at_last[@]}")

step_gofmt() {
	local bad
	bad=$(gofmt -l .)
	[ -z "$bad" ] || { echo "not formatted: $bad"; return 1; }
}

step_vet() {
	go vet ./...
	go vet -tags proof ./store/crash
	(cd bench && go vet ./... && go test ./...)
	(cd deploy/image && go vet ./start ./typed ./wifi && go test ./start ./typed ./wifi)
}

step_staticcheck() { go tool -modfile=tools/go.mod staticcheck ./...; }

step_test() { go test ./...; }

# Every test, with fewer rounds of those that repeat themselves with another seed: a race
# shows in the first. At its end a program waits a second for races of other threads,
# which hundreds of programs that tests start would do too.
step_race() { GORACE="atexit_sleep_ms=50 ${GORACE-}" CGO_ENABLED=1 go test -race -short ./...; }

# 32 bits is what most gateways have. A kernel without the old system calls runs no
# 386 programs: there everything is vetted, and the packages that count and pack
# bits are tested on an emulated ARMv6, slower by ten.
step_386() {
	if runs_386; then
		CGO_ENABLED=0 GOARCH=386 go test ./...
		return
	fi
	CGO_ENABLED=0 GOARCH=arm GOARM=6 go vet ./...
	if ! command -v qemu-arm-static >/dev/null; then
		printf 'SKIPPED: neither 386 nor ARMv6 programs run here\n1 skipped\n'
		return
	fi
	echo 'no 386 programs run here: ARMv6, emulated, without the rest of the packages'
	CGO_ENABLED=0 GOARCH=arm GOARM=6 go test -exec 'qemu-arm-static -cpu arm1176' \
		./board/boardsim ./internal/amqpserver/wire ./internal/clock ./internal/config ./internal/http1 \
		./internal/pipe ./internal/probe ./internal/provision ./internal/wsserver ./sensors \
		./sensors/bme280 ./sensors/chip ./sensors/ds18b20 ./sensors/hostinfo ./sensors/sysfs ./uplink/auth
}

runs_386() (
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	printf 'package main\n\nfunc main() {}\n' >"$scratch/nothing.go"
	CGO_ENABLED=0 GOARCH=386 go build -o "$scratch/nothing" "$scratch/nothing.go"
	"$scratch/nothing" 2>/dev/null
)

# Linux is the platform; the rest must build.
step_platforms() {
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	CGO_ENABLED=0 GOOS=darwin GOARCH=arm64 go build -o "$scratch/" ./cmd/agent ./cmd/hub
	CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -o "$scratch/" ./cmd/agent ./cmd/hub
}

# The short forms of the store's proofs; docs/PROOFS.md tells them. Those that need
# root or strace and have it not are skipped, and counted.
step_proofs() {
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	CGO_ENABLED=0 go test -tags proof -c -o "$scratch/crash" ./store/crash
	if ! (cd store/crash && "$scratch/crash" -test.v -test.skip '^TestKernel' >"$scratch/log" 2>&1); then
		grep -aE '^ +[a-z_]+_test\.go:|^panic|^--- FAIL' "$scratch/log" | cut -c1-400 | head -n 60
		return 1
	fi
	grep -aE '^--- (PASS|SKIP)' "$scratch/log"
	printf '%s skipped\n' "$(grep -acE '^ *--- SKIP|SKIPPED' "$scratch/log")"
}

# A few rows of the uplink on a bad network, as root; skipped and counted otherwise.
step_network() {
	scratch=$(mktemp -d)
	trap 'rm -rf "$scratch"' EXIT
	CGO_ENABLED=0 go build -C bench -o "$scratch/network" ./network
	CGO_ENABLED=0 go build -o "$scratch/agent" ./cmd/agent
	mkdir "$scratch/work"
	"$scratch/network" -short -agent "$scratch/agent" -work "$scratch/work" >"$scratch/log" || { cat "$scratch/log"; return 1; }
	cat "$scratch/log"
	printf '%s skipped\n' "$(grep -c '^SKIPPED' "$scratch/log")"
}

step_cross-build() { scripts/cross-build.sh; }

# The short form of package-install.
step_package() {
	[ -e dist/SHA256SUMS ] || scripts/cross-build.sh
	scripts/package-check.sh
}

# That of build-reproducible; not part of all, which must stay within a quarter of an hour.
step_reproducible() { scripts/reproducible.sh agent-linux-armv6; }

# demo NAME COMMAND...: the whole program must end well and say so.
demo() {
	local name=$1 out
	shift
	out=$(mktemp)
	if ! timeout 120 "$@" --json >"$out"; then
		tail -n 20 "$out"
		rm -f "$out"
		echo "$name: the demo failed"
		return 1
	fi
	printf '%s: ' "$name"
	tail -n 1 "$out"
	tail -n 1 "$out" | grep -q '"step":"summary"'
	rm -f "$out"
}

step_demo() {
	case "$(go env GOHOSTARCH)" in
	amd64 | arm64) demo native "dist/agent-linux-$(go env GOHOSTARCH)" demo --duration 10s ;;
	*) demo native go run ./cmd/agent demo --duration 10s ;;
	esac
}

# The binaries for boards, on the processors they are for.
step_emulated() {
	demo 'armv6, arm1176' qemu-arm-static -cpu arm1176 dist/agent-linux-armv6 demo --duration 5s
	demo 'armv7, cortex-a7' qemu-arm-static -cpu cortex-a7 dist/agent-linux-armv7 demo --duration 5s
	demo 'arm64, cortex-a53' qemu-aarch64-static -cpu cortex-a53 dist/agent-linux-arm64 demo --duration 5s
}

# The agent on a kernel and buses of its own, in QEMU; skipped and counted otherwise.
step_board() {
	local tool
	for tool in qemu-system-x86_64 depmod cpio; do
		PATH=$PATH:/sbin:/usr/sbin command -v "$tool" >/dev/null && continue
		printf 'SKIPPED: no %s\n1 skipped\n' "$tool"
		return
	done
	scripts/proof.sh board-amd64 || [ $? = 3 ]
}

step_interop() { interop/run.sh --no-skips; }

# Nothing above may leave a trace in the tree.
step_clean() {
	local now
	[ -e .git ] || { echo 'not a clone: nothing to compare'; return 0; }
	now=$(git status --porcelain) || {
		echo "hint: if git does not trust the owner of this directory: git config --global --add safe.directory '$PWD'"
		return 1
	}
	[ "$now" = "${CHECK_BEFORE-}" ] || { printf 'the tree has changed:\n%s\n' "$now"; return 1; }
}

if [ "${1-}" = --one ]; then
	"step_$2"
	exit
fi

# in_turn STEP...: ends with the first that fails, and its name.
in_turn() {
	local step began
	for step in "$@"; do
		echo "==> $step"
		began=$SECONDS
		# A process of its own: inside a condition, bash would not stop at the
		# first command that fails.
		if ! bash "$0" --one "$step"; then
			echo "==> FAILED: $step, after $((SECONDS - began)) s"
			return 1
		fi
		echo "==> $step: $((SECONDS - began)) s"
	done
}

# beside STEP STEP...: the first in the background, told at the end, beside the others.
beside() {
	local told background status=0
	told=$(mktemp)
	in_turn "$1" >"$told" 2>&1 &
	background=$!
	in_turn "${@:2}" || status=1
	wait "$background" || status=1
	cat "$told"
	rm -f "$told"
	return $status
}

everything() {
	in_turn "${alone[@]}" &&
		beside board "${beside_board[@]}" &&
		beside interop "${beside_interop[@]}" &&
		in_turn "${at_last[@]}"
}

steps=("$@")
[ $# -gt 0 ] || steps=("${before_commit[@]}")
[ "${1-}" != all ] || steps=("${everything[@]}")
for step in "${steps[@]}"; do
	declare -F "step_$step" >/dev/null || { echo "no step $step; there are: ${everything[*]}" >&2; exit 2; }
done

CHECK_BEFORE=$(git status --porcelain 2>/dev/null || true)
export CHECK_BEFORE
SECONDS=0
if [ "${1-}" = all ]; then everything || exit 1; else in_turn "${steps[@]}" || exit 1; fi
echo "==> all ${#steps[@]} steps passed in $SECONDS s"
