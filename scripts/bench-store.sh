#!/usr/bin/env bash
# The store's benchmark, as in docs/BENCHMARKS.md: scripts/bench-store.sh [FLAG...] [PART...]
#
#   compare    write amplification and rates beside raw files, OpenTelemetry's and Telegraf's queue
#   handoff    what is written while the link is up
#   idle       one reading a second without a link
#   backlog    a million readings: disk, memory, opening, draining, the file afterwards
#   calibrate  what one commit is made of
#   real       one reading a second by the clock, three minutes with -real 1m (only when asked for)
#
# Without a part, all but the last. Flags are those of bench/main.go: -messages,
# -group, -rounds, -backlog, -real. Markdown goes to stdout, progress to stderr.
# Needs root for a loop device, which it makes, mounts and always removes, and
# about 3 GB below ${TMPDIR:-/var/tmp}.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "$(id -u)" -ne 0 ]; then
	echo 'bench-store.sh: must be root, to attach and mount a loop device' >&2
	exit 2
fi

missing=()
need() { # COMMAND PACKAGE
	command -v "$1" >/dev/null || missing+=("$2")
}
PATH=$PATH:/usr/sbin:/sbin
need losetup mount
need umount mount
need setsid util-linux
need mkfs.ext4 e2fsprogs
need strace strace
if [ ${#missing[@]} -gt 0 ]; then
	echo "==> packages: ${missing[*]}" >&2
	export DEBIAN_FRONTEND=noninteractive
	apt-get update -qq >&2
	apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
fi

work=$(mktemp -d "${TMPDIR:-/var/tmp}/bench-store.XXXXXX")
group=fieldpost-bench-$$
loop=
bench=

cleanup() {
	local status=$?
	trap - EXIT INT TERM HUP
	if [ -n "$bench" ]; then
		kill -TERM -- "-$bench" 2>/dev/null || true
		wait "$bench" 2>/dev/null || true
	fi
	while mountpoint -q "$work/mnt"; do
		umount "$work/mnt" || { sleep 1; umount -l "$work/mnt"; }
	done
	[ -z "$loop" ] || losetup -d "$loop" || status=1
	find /sys/fs/cgroup -depth -type d -name "$group" -exec rmdir {} + 2>/dev/null || true
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

CGO_ENABLED=0 go build -C bench -o "$work/bench" .
truncate -s 3G "$work/image"
loop=$(losetup --find --show "$work/image")
# Tables and journal written at once: the kernel would do it later, into the counters.
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 "$loop"
mkdir "$work/mnt"
mount "$loop" "$work/mnt"

# In the background, so that a signal is handled at once; in a session of its own,
# so that its children end with it.
setsid "$work/bench" -device "$loop" -mount "$work/mnt" -cgroup "$group" "$@" &
bench=$!
status=0
wait "$bench" || status=$?
bench=
exit "$status"
