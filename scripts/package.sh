#!/bin/sh
# Packs the binaries of dist/ into Debian packages, beside them: armhf has the binary
# for ARMv6, which runs on every Raspberry Pi. Called by scripts/cross-build.sh; alone
# it needs dist/agent-linux-{armv6,arm64,amd64}. What goes where: deploy/nfpm.yaml.
#
#   scripts/package.sh [ARCH...]   arm6, arm64, amd64; all of them without
set -eu
cd "$(dirname "$0")/.."
. scripts/version.sh

STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
VERSION=$(debian_version)
export STAGE VERSION

# The dates in the archives are those of the files' own making, so that no file of the
# working tree says when it was checked out: nfpm goes by SOURCE_DATE_EPOCH.
gzip -9n <deploy/agent.1 >"$STAGE/fieldpost.1.gz"
{
	echo "fieldpost ($VERSION) stable; urgency=medium"
	echo
	git log -20 --format='%w(80,2,4)* %s' 2>/dev/null || echo '  * Not built from a clone.'
	echo
	echo " -- The fieldpost authors <maintainers@fieldpost.invalid>  $(LC_ALL=C TZ=UTC git log -1 --format=%cd --date=format-local:'%a, %d %b %Y %H:%M:%S +0000' 2>/dev/null || echo 'Tue, 01 Jan 1980 00:00:00 +0000')"
} | gzip -9n >"$STAGE/changelog.gz"

# Built as tests are, which have the standard library compiled already.
nfpm=$(env -u GOOS -u GOARCH -u CGO_ENABLED GOFLAGS= go tool -n -modfile=tools/release/go.mod nfpm)

[ $# -gt 0 ] || set -- arm6 arm64 amd64
running=
for ARCH in "$@"; do
	BINARY=dist/agent-linux-$(echo "$ARCH" | sed 's/^arm\([67]\)$/armv\1/')
	export ARCH BINARY
	[ -e "$BINARY" ] || { echo "package: $BINARY is not there: scripts/cross-build.sh makes it" >&2; exit 1; }
	"$nfpm" package --config deploy/nfpm.yaml --packager deb --target dist/ &
	running="$running $!"
done
for process in $running; do wait "$process"; done
