#!/usr/bin/env bash
# Builds dist/fieldpost-rpi-arm64.img, the contents of an SD card for Raspberry Pi 3,
# 4, 5 and Zero 2 W with the agent on it, the same compressed, and their checksums.
# Needs Go, e2fsprogs, dosfstools, mtools, gzip, binutils and xz-utils; no root.
# scripts/cross-build.sh comes first, or AGENT=FILE names another agent for linux/arm64.
# The firmware of the boards' radios is fetched from Debian once, and kept outside of the
# tree; WIFI_FIRMWARE=FILE names a copy of the package.
#
# The same agent, commit (or SOURCE_DATE_EPOCH) and Go version give the same bytes in
# every folder: scripts/proof.sh build-reproducible. Versions of the tools named above
# that write a file system otherwise, or compress otherwise, do not.
set -euo pipefail
cd "$(dirname "$0")/.."

agent=$(realpath "${AGENT:-dist/agent-linux-arm64}")
[ -f "$agent" ] || { echo "image: no $agent: run scripts/cross-build.sh first" >&2; exit 1; }
PATH=$PATH:/sbin:/usr/sbin
for tool in mkfs.ext4:e2fsprogs mkfs.fat:dosfstools mcopy:mtools ar:binutils xz:xz-utils; do
	command -v "${tool%:*}" >/dev/null || { echo "image: no ${tool%:*}: install ${tool#*:}" >&2; exit 1; }
done
if command -v sha256sum >/dev/null; then sum='sha256sum'; else sum='shasum -a 256'; fi

# It may be handed on, with its licence, for use with the chips it is for.
firmware=firmware-brcm80211_20250410-2_all.deb
firmware_sum=266cc703e2299f5253fd1ff9a1fd625d85a2c8e5a88b1a65fcc190ac384ce3d7
cache=${FIELDPOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fieldpost}
is_firmware() { [ -f "$1" ] && [ "$($sum <"$1" | cut -d' ' -f1)" = "$firmware_sum" ]; }
if [ -n "${WIFI_FIRMWARE-}" ]; then
	is_firmware "$WIFI_FIRMWARE" || { echo "image: $WIFI_FIRMWARE is not $firmware: its SHA-256 is not $firmware_sum" >&2; exit 1; }
	firmware=$WIFI_FIRMWARE
elif is_firmware "$cache/$firmware"; then
	firmware=$cache/$firmware
else
	mkdir -p "$cache"
	url=${DEBIAN_MIRROR:-http://deb.debian.org/debian}/pool/non-free-firmware/f/firmware-nonfree/$firmware
	if ! curl -fsSL --max-time 600 -o "$cache/$firmware.$$" "$url" || ! is_firmware "$cache/$firmware.$$"; then
		rm -f "$cache/$firmware.$$"
		echo "image: $url is not what is wanted, with SHA-256 $firmware_sum: snapshot.debian.org has each version; run again with WIFI_FIRMWARE=FILE" >&2
		exit 1
	fi
	mv "$cache/$firmware.$$" "$cache/$firmware"
	firmware=$cache/$firmware
fi
firmware=$(realpath "$firmware")

# A card holds at least this, in bytes; QEMU takes cards of a power of two only.
# gokrazy has the boot partition at 4 MiB, two roots of 500 MB each behind it, and
# the permanent partition from there to the end but for the copy of its table.
size=2147483648
boot_at=4194304
boot_kib=102400
permanent_at=1157627904
permanent_kib=$(((size - permanent_at) / 1024 - 17))
image=$PWD/dist/fieldpost-rpi-arm64.img
epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 1700000000)}

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
instance=$work/instances/fieldpost
export GOFLAGS=-mod=readonly GOEXPERIMENT='' GOWORK=off GOARM64=v8.0 GOFIPS140=off

# The packer asks the clock, and the files it copies, for the dates of files; here all
# are that of the commit. It lists what is on the card by the folders it was found in;
# here they are those of the instance. It puts the authorities on the card that the
# system it runs on trusts, a company's own among them; here they are Mozilla's, of the
# version in go.mod.
tools=$(cd deploy/image && realpath "$(go list -f '{{.Dir}}' github.com/gokrazy/tools/packer)/..")
cp -r "$tools" "$work/tools"
chmod -R u+w "$work/tools"
amend() { # FILE EXPRESSION: what is not there any more is an error
	local file=$work/tools/internal/packer/$1
	cp "$file" "$work/before"
	sed -i "$2" "$file"
	! cmp -s "$file" "$work/before" || { echo "image: gokrazy's $1 is another: look at its changes" >&2; exit 1; }
}
printf 'package packer\n\nimport "time"\n\nfunc commitTime(...any) time.Time { return time.Unix(%s, 0).UTC() }\n' "$epoch" >"$work/tools/internal/packer/commit.go"
amend packerprepare.go 's/time\.Now()/commitTime()/'
amend write.go 's/time\.Now()/commitTime()/; s/\(st\|info\)\.ModTime()/commitTime(\1)/'
amend sbom.go "s#Path: \(cfg\.Meta\.Path\|fi\.FromHost\),#Path: strings.TrimPrefix(\1, \"$instance/\"),#"
amend packerprepare.go 's/pack\.findSystemCertsPEM()/xrf(), error(nil)/'
cp deploy/image/go.mod "$work/packer.mod"
cp deploy/image/go.sum "$work/packer.sum"
(
	cd deploy/image
	go mod edit -replace "github.com/gokrazy/tools=$work/tools" "$work/packer.mod"
	CGO_ENABLED=0 go build -modfile "$work/packer.mod" -o "$work/gok" github.com/gokrazy/tools/cmd/gok
)

# The packages of the card are built in a copy of the module, whose go.mod says
# which versions.
mkdir -p "$instance/builddir"
cp -r deploy/image/{go.mod,go.sum,image.go,start,typed,wifi} "$instance/builddir"
install -m 0644 deploy/image/{config.json,waiting.toml} "$instance"
install -m 0755 "$agent" "$instance/agent"
mkdir "$work/firmware"
(cd "$work/firmware" && ar p "$firmware" data.tar.xz | xz -dc | tar -xf -)
mv "$work/firmware/usr/lib/firmware" "$instance"
mv "$work/firmware/usr/share/doc/firmware-brcm80211/copyright" "$instance/firmware"
chmod -R u=rwX,go=rX "$instance/firmware"
find "$instance" -exec touch -d "@$epoch" {} +

mkdir -p dist
rm -f "$image" "$image.gz" "$image.SHA256SUMS"
truncate -s "$size" "$image"
# What a person has set for cards of gokrazy in general is not for this one: without a
# home it is not found.
(cd "$work" && GOENV=$(go env GOENV) GOMODCACHE=$(go env GOMODCACHE) GOCACHE=$(go env GOCACHE) && export GOENV GOMODCACHE GOCACHE &&
	env -u XDG_CONFIG_HOME HOME="$work" GOFLAGS="-mod=readonly -buildvcs=false -trimpath" "$work/gok" -i fieldpost --parent_dir "$work/instances" \
	overwrite --full "$image" --target_storage_bytes="$size") >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }

# The packer makes a boot file system with no room for one file more.
export SOURCE_DATE_EPOCH=$epoch MTOOLS_SKIP_CHECK=1 TZ=UTC # FAT keeps local time
mkdir "$work/boot"
mcopy -smn -i "$image@@$boot_at" '::*' "$work/boot"
mkdir "$work/boot/fieldpost"
cp deploy/image/fieldpost-readme.txt "$work/boot"
find "$work/boot" -exec touch -d "@$epoch" {} +
mkfs.fat --invariant -F 16 -n FIELDPOST -i 6669656c --offset $((boot_at / 512)) "$image" "$boot_kib" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
(cd "$work/boot" && LC_ALL=C mcopy -smn -i "$image@@$boot_at" -- * ::)

E2FSPROGS_FAKE_TIME=$epoch mkfs.ext4 -q -F -L permanent -O ^orphan_file \
	-U 6669656c-6470-4f73-8470-65726d616e74 -E "offset=$permanent_at,hash_seed=6669656c-6470-4f73-8470-686173687365,lazy_itable_init=0" \
	"$image" "$permanent_kib"
gzip -nk "$image"
(cd dist && $sum "$(basename "$image")" "$(basename "$image").gz" >"$(basename "$image").SHA256SUMS")
for f in "$image" "$image.gz"; do printf '%10s  %s\n' "$(wc -c <"$f" | tr -d ' ')" "dist/${f##*/}"; done
