#!/bin/sh
# Builds what is released into dist/: binaries, static and stripped, a software bill
# of materials for each (CycloneDX), Debian packages, checksums of it all; and prints
# what it weighs. Needs Go, a POSIX shell, awk and gzip, and the Go module proxy for
# the tools of tools/release; runs from anywhere in the tree.
#
#   scripts/cross-build.sh             everything
#   scripts/cross-build.sh BINARY...   these binaries only, such as agent-linux-armv6
#
# VERSION=TEXT overrides what git describe says. The same commit, tags and Go version
# give the same bytes in every folder and on every machine: scripts/proof.sh build-reproducible.
set -eu
cd "$(dirname "$0")/.."

# The armv6 agent may weigh this much, in bytes: the whole program shares a
# small card and 512 MB of memory with everything else on the oldest boards.
limit=10000000

. scripts/version.sh
export CGO_ENABLED=0 GOFLAGS= GOOS=linux GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT= GOFIPS140=off

# Functions are inlined in the packages whose inner loops every reading, token and
# page of the queue goes through, and nowhere else: that is nearly a tenth of the file.
# Of go-amqp's encoding, inlined code is 55 kB that makes no message quicker
# (docs/BENCHMARKS.md, "Uplink"); RSA takes twice as long without bigmod.
fips=crypto/internal/fips140
hot="runtime runtime/... internal/runtime/... internal/bytealg internal/byteorder internal/poll internal/abi
	internal/chacha8rand sync sync/... bytes strconv slices math/bits math/rand/... hash/...
	unicode/utf8 crypto/sha256 crypto/aes crypto/cipher $fips/sha256 $fips/sha512 $fips/aes $fips/aes/gcm
	$fips/subtle $fips/alias $fips/hmac $fips/bigmod crypto/internal/fips140deps/...
	vendor/golang.org/x/crypto/chacha20 vendor/golang.org/x/crypto/chacha20poly1305
	vendor/golang.org/x/crypto/internal/... github.com/Azure/go-amqp github.com/Azure/go-amqp/internal/buffer
	github.com/Azure/go-amqp/internal/frames github.com/Azure/go-amqp/internal/queue
	github.com/klauspost/compress/... go.etcd.io/bbolt go.etcd.io/bbolt/..."
inline='-gcflags=all=-l'
for package in $hot; do inline="$inline -gcflags=$package="; done

# build PROGRAM ARCH [GOARM] [FLAGS] OUTPUT
# HTTP/2 is left out: no HTTP here has a use for it, and the code weighs as much
# as all drivers.
build() {
	gcflags=$inline
	# What is the same in both is then compiled once; the hub's own code is no part of a gateway.
	[ "$1" != hub ] || gcflags="$inline -gcflags=fieldpost/...="
	# shellcheck disable=SC2086 # several flags
	GOARCH=$2 GOARM=$3 go build -trimpath -tags nethttpomithttp2 -buildvcs=false $gcflags -ldflags "$4 -X main.version=$version -X main.built=$built" -o "$5" "./cmd/$1"
}

# release BINARY: one of $binaries.
release() {
	# Go aligns to 64 KiB what the kernel maps; no kernel that runs the 32-bit ones has
	# pages larger than 16 KiB.
	case $1 in
	*-armv[67]) build "${1%%-*}" arm "${1##*-armv}" '-s -w -R 16384' "dist/$1" ;;
	*) build "${1%%-*}" "${1##*-}" '' '-s -w' "dist/$1" ;;
	esac
}

# materials BINARY: what it is made of, by its own word. Left out is what would differ
# from one build to the next: serial number, time of day, hashes of the tool. That asks
# the environment what the binary is for, so it is built before for where it runs, and
# as tests are built, which have the standard library compiled already.
bill=
materials() {
	[ -n "$bill" ] || bill=$(env -u GOOS -u CGO_ENABLED go tool -n -modfile=tools/release/go.mod cyclonedx-gomod)
	case $1 in
	*-armv[67]) arch=arm ;;
	*) arch=${1##*-} ;;
	esac
	said=$(GOARCH=$arch "$bill" bin -json -std -noserial -version "$version" "dist/$1")
	printf '%s\n' "$said" |
		sed -e "s/^    \"timestamp\": .*/    \"timestamp\": \"${built:-1980-01-01T00:00:00Z}\",/" \
			-e '/^    "tools"/,/^    "component"/{/^ *"hashes":/,/^ *\],/d;}' >"dist/$1.cdx.json"
}

bytes() { wc -c <"$1" | tr -d ' '; }

mkdir -p dist
binaries='agent-linux-armv6 agent-linux-armv7 agent-linux-arm64 agent-linux-amd64 hub-linux-arm64 hub-linux-amd64'
if [ $# -gt 0 ]; then
	for binary in "$@"; do
		case " $binaries " in
		*" $binary "*) release "$binary" ;;
		*) echo "cross-build: no binary $binary; there are: $binaries" >&2; exit 2 ;;
		esac
	done
	exit
fi

rm -f dist/agent-* dist/hub-* dist/*.deb dist/SHA256SUMS
for binary in $binaries; do
	release "$binary"
	materials "$binary"
done
scripts/package.sh

if command -v sha256sum >/dev/null; then sum='sha256sum'; else sum='shasum -a 256'; fi
(cd dist && LC_ALL=C && export LC_ALL && $sum -- agent-* fieldpost_* hub-* >../SHA256SUMS.new && mv ../SHA256SUMS.new SHA256SUMS)

echo "version $version, $(go env GOVERSION)"
for f in dist/agent-linux-* dist/hub-linux-* dist/*.deb; do
	case $f in *.json) continue ;; esac
	printf '%10d  %s\n' "$(bytes "$f")" "$f"
done

# What each part adds: code and data symbols of the armv6 agent before stripping,
# by module. Types, constants and line tables belong to all of them together.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
build agent arm 6 '' "$scratch/agent"
go tool nm -size "$scratch/agent" >"$scratch/symbols"
total=$(bytes dist/agent-linux-armv6)
echo
echo "the armv6 agent by part, in bytes"
awk -v total="$total" -f scripts/sizes.awk "$scratch/symbols" "$scratch/symbols" | sort -rn

if [ "$total" -gt "$limit" ]; then
	echo "cross-build: dist/agent-linux-armv6 has $total bytes, the limit is $limit" >&2
	exit 1
fi
