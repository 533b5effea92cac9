#!/usr/bin/env bash
# Looks at what scripts/cross-build.sh has put into dist/: checksums, bills of materials,
# and the Debian packages: what is in them and with which rights, that the maintainer
# scripts call what they should, that the unit shuts the agent in. Installs nothing:
# scripts/proof.sh package-install does. Needs Go, dpkg-deb and systemd-analyze.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() { echo "package-check: $*" >&2; exit 1; }

# same WHAT FILE: the standard input must be the lines of FILE.
same() { diff -u "$2" - >"$scratch/diff" || { cat "$scratch/diff"; fail "$1"; }; }

[ -e dist/SHA256SUMS ] || fail 'dist/ is not complete: scripts/cross-build.sh makes it'
. scripts/version.sh
(cd dist && sha256sum --quiet --strict -c SHA256SUMS && find . -type f ! -name SHA256SUMS | sed 's|^\./||' | LC_ALL=C sort) >"$scratch/files" ||
	{ cat "$scratch/files"; fail 'dist/ has changed since its checksums were made'; }
sed 's/^[0-9a-f]*  //' dist/SHA256SUMS | same 'dist/ has files without a checksum' "$scratch/files"

# A bill has what the binary itself names, for its processor, and nothing of this machine.
binaries=(agent-linux-{armv6,armv7,arm64,amd64} hub-linux-{arm64,amd64})
for binary in "${binaries[@]}"; do
	bill=dist/$binary.cdx.json
	arch=${binary##*-}
	[[ $arch != armv* ]] || arch=arm
	{
		go version -m "dist/$binary" | awk '$1 == "dep" { print $2 "@" $3 }'
		go version "dist/$binary" | sed 's/.*: /std@/'
	} | LC_ALL=C sort >"$scratch/modules"
	grep -o '"purl": "[^"]*' "$bill" | sed -n 's/.*pkg:golang\/\([^?]*\)?type=module\\u0026goos=linux\\u0026goarch='$arch'$/\1/p' | LC_ALL=C sort |
		same "$bill lists other modules" "$scratch/modules"
	! grep -nE "serialNumber|$HOME/|$PWD" "$bill" || fail "$bill tells where it was made"
	grep -q "\"version\": \"$version\"" "$bill" || fail "$bill is not of version $version: scripts/cross-build.sh makes it anew"
	grep -q "$(sha256sum "dist/$binary" | cut -d' ' -f1)" "$bill" || fail "$bill is of another binary"
done

cat >"$scratch/contents" <<'EOT'
-rw-r--r-- root/root ./etc/fieldpost/agent.toml
drwx------ root/root ./etc/fieldpost/keys/
-rwxr-xr-x root/root ./usr/bin/fieldpost
-rw-r--r-- root/root ./usr/lib/systemd/system/fieldpost-keys.path
-rw-r--r-- root/root ./usr/lib/systemd/system/fieldpost-keys.service
-rw-r--r-- root/root ./usr/lib/systemd/system/fieldpost.service
-rw-r--r-- root/root ./usr/lib/sysusers.d/fieldpost.conf
-rw-r--r-- root/root ./usr/lib/tmpfiles.d/fieldpost.conf
-rw-r--r-- root/root ./usr/lib/udev/rules.d/70-fieldpost.rules
-rw-r--r-- root/root ./usr/share/bash-completion/completions/fieldpost
-rw-r--r-- root/root ./usr/share/doc/fieldpost/changelog.gz
-rw-r--r-- root/root ./usr/share/doc/fieldpost/copyright
-rw-r--r-- root/root ./usr/share/fish/vendor_completions.d/fieldpost.fish
-rw-r--r-- root/root ./usr/share/man/man1/fieldpost.1.gz
-rw-r--r-- root/root ./usr/share/zsh/vendor-completions/_fieldpost
EOT

for arch in armhf:armv6 arm64:arm64 amd64:amd64; do
	deb=$(echo dist/fieldpost_*_"${arch%:*}".deb)
	[ -e "$deb" ] || fail "one package for ${arch%:*} is wanted: $deb"
	[ "$(dpkg-deb -f "$deb" Version)" = "$(debian_version)" ] || fail "$deb is not of version $(debian_version): scripts/cross-build.sh makes it anew"
	[ "$(dpkg-deb -f "$deb" Architecture)" = "${arch%:*}" ] || fail "$deb is for another architecture"
	dpkg --validate-version "$(dpkg-deb -f "$deb" Version)"
	dpkg-deb -c "$deb" | awk '!/\/$/ || /keys\/$/ { print $1, $2, $6 }' | same "$deb has other contents" "$scratch/contents"
	rm -rf "$scratch/root" "$scratch/control"
	dpkg-deb -x "$deb" "$scratch/root"
	dpkg-deb -e "$deb" "$scratch/control"
	cmp "$scratch/root/usr/bin/fieldpost" "dist/agent-linux-${arch#*:}"
	(cd "$scratch/root" && md5sum --quiet -c ../control/md5sums)
	echo /etc/fieldpost/agent.toml | same 'conffiles' "$scratch/control/conffiles"
	gzip -t "$scratch/root/usr/share/man/man1/fieldpost.1.gz" "$scratch/root/usr/share/doc/fieldpost/changelog.gz"
	ls "$scratch/control" | tr '\n' ' ' | grep -qx 'conffiles control md5sums postinst postrm prerm ' || fail "$deb has other maintainer scripts"
done

# The maintainer scripts with every command of theirs replaced by one that only tells.
mkdir "$scratch/stub"
for command in systemd-sysusers systemd-tmpfiles update-alternatives udevadm deb-systemd-helper deb-systemd-invoke systemctl rm; do
	printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n' "$command" >"$scratch/stub/$command"
	chmod +x "$scratch/stub/$command"
done
shell=$(command -v sh)
# calls SCRIPT ARGUMENT...: what it calls.
calls() {
	local script=$scratch/control/$1
	shift
	: >"$scratch/calls"
	"$shell" -n "$script"
	CALLS=$scratch/calls PATH=$scratch/stub "$shell" "$script" "$@" || fail "$script $* failed"
	cat "$scratch/calls"
}
calls postinst configure '' >"$scratch/install"
for want in 'systemd-sysusers fieldpost.conf' 'systemd-tmpfiles --create' 'update-alternatives --install /usr/bin/agent agent /usr/bin/fieldpost' \
	'deb-systemd-helper unmask fieldpost.service' 'deb-systemd-helper .*fieldpost-keys.path'; do
	grep -q -e "$want" "$scratch/install" || fail "an installation does not call: $want"
done
for quiet in 'postinst triggered x' 'prerm upgrade 2' 'prerm failed-upgrade 1'; do
	# shellcheck disable=SC2086 # several arguments
	[ -z "$(calls $quiet | grep -v '^systemctl is-active ')" ] || fail "$quiet: calls $(cat "$scratch/calls")"
done
calls prerm remove | grep -q 'update-alternatives --remove agent' || fail 'remove leaves the other name'
for keep in 'postrm remove' 'postrm upgrade 2' 'postrm disappear x 1' 'postrm abort-install'; do
	# shellcheck disable=SC2086
	! calls $keep | grep '^rm' || fail "$keep removes something"
done
calls postrm purge | grep -qx 'rm -rf /var/lib/fieldpost /etc/fieldpost' || fail 'purge leaves something'

# Every user and group that the files name is there, or made by sysusers.d.
grep -q '^u fieldpost ' deploy/sysusers.conf
for group in $(sed -n 's/.*GROUP="\([^"]*\)".*/\1/p' deploy/udev.rules | sort -u); do
	[ "$group" = fieldpost ] || grep -q "^m fieldpost $group\$" deploy/sysusers.conf || fail "udev names the group $group, and nobody makes it"
done
mkdir -p "$scratch/sys/etc" "$scratch/sys/usr/lib/sysusers.d"
cp deploy/sysusers.conf "$scratch/sys/usr/lib/sysusers.d/fieldpost.conf"
systemd-sysusers --root="$scratch/sys" fieldpost.conf 2>/dev/null
for group in fieldpost i2c spi gpio dialout; do
	grep -q "^$group:" "$scratch/sys/etc/group" || fail "no group $group after systemd-sysusers"
done

# The unit: nothing that this systemd does not know, but for what 254 brought; and shut in.
cp deploy/fieldpost.service deploy/fieldpost-keys.* "$scratch/"
sed -i 's|^ExecStart=/usr/bin/fieldpost|ExecStart=/bin/true|' "$scratch/fieldpost.service"
systemd-analyze verify --man=no "$scratch/fieldpost.service" "$scratch/fieldpost-keys.path" 2>&1 |
	grep -e "$scratch" -e fieldpost | grep -v "Unknown key '*\(RestartSteps\|RestartMaxDelaySec\)" >"$scratch/verify" || true
[ ! -s "$scratch/verify" ] || { cat "$scratch/verify"; fail 'systemd has complaints'; }
systemd-analyze security --offline=true --no-pager --threshold=20 deploy/fieldpost.service >"$scratch/security" 2>&1 ||
	{ cat "$scratch/security"; fail 'the unit is exposed to more than 2.0'; }
grep Overall "$scratch/security" | sed 's/^[^O]*//'
echo "${#binaries[@]} binaries with their bills, 3 packages, $(dpkg-deb -f "$deb" Version)"
