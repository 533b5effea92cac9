#!/usr/bin/env bash
# Builds twice, in two folders, with two build caches, umasks, time zones and languages,
# and compares: scripts/reproducible.sh [BINARY...], as scripts/cross-build.sh takes
# them; without one everything that is released.
#
# The first build may use the ordinary cache, and the second begins with an empty one.
# With names, agents are packed too, by a packer out of the ordinary cache both times:
# it is no part of what is released. With the agent for arm64 comes the SD card.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'chmod -R u+w "$scratch"; rm -rf "$scratch"' EXIT

# make FOLDER CACHE [BINARY...]: the tree as it is, changes included, with its history;
# its files are as old as the copy.
make() {
	local folder=$scratch/$1 cache=$2 ordinary
	shift 2
	mkdir -p "$folder"
	tar --exclude=./dist -cf - . | tar -xmf - -C "$folder"
	cd "$folder"
	ordinary=$(go env GOCACHE)
	GOCACHE=${cache:-$ordinary} scripts/cross-build.sh "$@" >"$scratch/log"
	for binary in "$@"; do
		case $binary in
		agent-linux-armv6) scripts/package.sh arm6 ;;
		agent-linux-a*64) scripts/package.sh "${binary##*-}" ;;
		esac >"$scratch/log"
	done
	[ ! -e dist/agent-linux-arm64 ] || GOCACHE=${cache:-$ordinary} scripts/image.sh >"$scratch/log"
}

(umask 022 && export TZ=UTC LC_ALL=C && make first '' "$@")
(umask 077 && export TZ=Pacific/Auckland LC_ALL=C.UTF-8 && make a/second/place "$scratch/cache" "$@")

differ() { ! diff -rq "$scratch/first/dist" "$scratch/a/second/place/dist"; }
[ -n "$(ls "$scratch/first/dist")" ] # nothing is like nothing
if differ; then
	echo 'reproducible: two builds of the same sources differ' >&2
	exit 1
fi
# What cannot find a difference finds none.
for file in "$scratch/a/second/place/dist"/*; do
	cp "$file" "$scratch/kept"
	printf . >>"$file"
	differ >"$scratch/log" || { echo "reproducible: one byte more in $file went unnoticed" >&2; exit 1; }
	mv "$scratch/kept" "$file"
done
(cd "$scratch/first/dist" && sha256sum -- *)
