#!/usr/bin/env bash
# Installs the packages of package-lock.json outside of the tree, once for each
# content of that file, and prints their folder. What is missing is the last line
# on stderr.
set -euo pipefail
cd "$(dirname "$0")"

tries=3
oldest=$(sed -n 's/.*"node": ">=\([0-9]*\).*/\1/p' package.json | head -n 1)

for program in node npm; do
	command -v "$program" >/dev/null || { echo "$program is not installed (Debian: nodejs npm)" >&2; exit 1; }
done
version=$(node --version)
major=${version#v}
major=${major%%.*}
[ "$major" -ge "$oldest" ] || { echo "Node $version is too old, $oldest is the oldest the SDKs take" >&2; exit 1; }

cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/fieldpost
modules=$cache/interop-$(cat package.json package-lock.json | sha256sum | cut -c 1-16)
if [ ! -d "$modules" ]; then
	mkdir -p "$cache"
	scratch=$(mktemp -d "$cache/installing-XXXXXX")
	trap 'rm -rf "$scratch"' EXIT
	cp package.json package-lock.json "$scratch"
	for ((try = 1; ; try++)); do
		if (cd "$scratch" && timeout 300 npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2; then break; fi
		[ "$try" -lt "$tries" ] || { echo "npm could not install the SDKs in $tries tries" >&2; exit 1; }
		sleep $((5 * try))
	done
	# Whoever was faster has installed the same.
	mv -T "$scratch" "$modules" 2>/dev/null || [ -d "$modules" ]
fi
echo "$modules/node_modules"
