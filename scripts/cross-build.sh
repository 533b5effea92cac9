#!/bin/sh
# Builds the release binaries into dist/, static and stripped, with checksums,
# and prints what they weigh. Needs Go, a POSIX shell and awk; runs from
# anywhere in the tree. VERSION=TEXT overrides what git describe says. With names,
# such as agent-linux-armv6, it builds these alone and weighs nothing.
# The same commit, tags and Go version give the same bytes.
set -eu
cd "$(dirname "$0")/.."

# The armv6 agent may weigh this much, in bytes: the whole program shares a
# small card and 512 MB of memory with everything else on the oldest boards.
limit=10000000

version=${VERSION:-$(git describe --tags --always --abbrev=12 --dirty 2>/dev/null || true)}
version=${version:-unversioned}
# The agent takes no clock for right that reads before its commit.
built=$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || true)
export CGO_ENABLED=0 GOFLAGS= GOOS=linux GOAMD64=v1 GOARM64=v8.0 GOEXPERIMENT= GOFIPS140=off

# Functions are inlined in the packages whose inner loops every reading, token and
# page of the queue goes through, and nowhere else: that is nearly a tenth of the file.
fips=crypto/internal/fips140
hot="runtime runtime/... internal/runtime/... internal/bytealg internal/byteorder internal/poll internal/abi
	internal/chacha8rand sync sync/... bytes strconv slices time math/bits math/rand/... hash/... encoding/binary
	unicode/utf8 crypto/sha256 crypto/aes crypto/cipher $fips/sha256 $fips/sha512 $fips/aes $fips/aes/gcm
	$fips/subtle $fips/alias $fips/hmac $fips/bigmod crypto/internal/fips140deps/...
	vendor/golang.org/x/crypto/chacha20 vendor/golang.org/x/crypto/chacha20poly1305
	vendor/golang.org/x/crypto/internal/... github.com/Azure/go-amqp github.com/Azure/go-amqp/...
	github.com/klauspost/compress/... go.etcd.io/bbolt go.etcd.io/bbolt/..."
inline='-gcflags=all=-l'
for package in $hot; do inline="$inline -gcflags=$package="; done

# build PROGRAM ARCH [GOARM] [FLAGS] OUTPUT
# HTTP/2 is left out: no HTTP here has a use for it, and the code weighs as much
# as all drivers.
build() {
	[ -z "$only" ] || [ -z "${only##* "${5#dist/}" *}" ] || return 0
	gcflags=
	[ "$1" != agent ] || gcflags=$inline
	# shellcheck disable=SC2086 # several flags
	GOARCH=$2 GOARM=$3 go build -trimpath -tags nethttpomithttp2 -buildvcs=false $gcflags -ldflags "$4 -X main.version=$version -X main.built=$built" -o "$5" "./cmd/$1"
}

bytes() { wc -c <"$1" | tr -d ' '; }

only=${*:+ $* }
mkdir -p dist
[ -n "$only" ] || rm -f dist/agent-* dist/hub-* dist/SHA256SUMS
stripped='-s -w'
# Go aligns to 64 KiB what the kernel maps; no kernel that runs these has pages
# larger than 16 KiB.
aligned='-R 16384'
build agent arm 6 "$stripped $aligned" dist/agent-linux-armv6
build agent arm 7 "$stripped $aligned" dist/agent-linux-armv7
build agent arm64 '' "$stripped" dist/agent-linux-arm64
build agent amd64 '' "$stripped" dist/agent-linux-amd64
build hub arm64 '' "$stripped" dist/hub-linux-arm64
build hub amd64 '' "$stripped" dist/hub-linux-amd64

[ -z "$only" ] || exit 0

if command -v sha256sum >/dev/null; then sum='sha256sum'; else sum='shasum -a 256'; fi
(cd dist && $sum agent-linux-* hub-linux-* >SHA256SUMS)

echo "version $version, $(go env GOVERSION)"
for f in dist/agent-linux-* dist/hub-linux-*; do
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
