#!/usr/bin/env bash
# Builds twice, in two folders, with two build caches, umasks, time zones and languages,
# and compares: scripts/reproducible.sh [BINARY...], as scripts/cross-build.sh takes
# them; without one everything that is released.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT
first=$scratch/first second=$scratch/a/second/place
mkdir -p "$first" "$second"

# The tree as it is, changes included, with its history; its files are as old as the copy.
tar --exclude=./dist -cf - . | tee >(tar -xmf - -C "$first") | tar -xmf - -C "$second"
wait

(cd "$first" && umask 022 && TZ=UTC LC_ALL=C scripts/cross-build.sh "$@" >"$scratch/log")
(cd "$second" && umask 077 && TZ=Pacific/Auckland LC_ALL=C.UTF-8 GOCACHE=$scratch/cache scripts/cross-build.sh "$@" >/dev/null)

[ -n "$(ls "$first/dist")" ] # nothing is like nothing
if ! diff -rq "$first/dist" "$second/dist"; then
	echo 'reproducible: two builds of the same sources differ' >&2
	exit 1
fi
(cd "$first/dist" && sha256sum -- *)
