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
# An SD card that is there has checksums of its own.
(cd dist && sha256sum --quiet --strict -c SHA256SUMS && find . -type f ! -name SHA256SUMS ! -name 'fieldpost-rpi-*' | sed 's|^\./||' | LC_ALL=C sort) >"$scratch/files" ||
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
-rwxr-xr-x root/root ./usr/lib/fieldpost/handover
-rw-r--r-- root/root ./usr/lib/systemd/system/fieldpost-handover.service
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
	[ "$(dpkg-deb -f "$deb" Depends)" = 'systemd (>= 252)' ] || fail "$deb depends on something else"
	dpkg-deb -c "$deb" | awk '!/\/$/ || /keys\/$/ { print $1, $2, $6 }' | same "$deb has other contents" "$scratch/contents"
	rm -rf "$scratch/root" "$scratch/control"
	dpkg-deb -x "$deb" "$scratch/root"
	dpkg-deb -e "$deb" "$scratch/control"
	cmp "$scratch/root/usr/bin/fieldpost" "dist/agent-linux-${arch#*:}"
	(cd "$scratch/root" && md5sum --quiet -c ../control/md5sums)
	echo /etc/fieldpost/agent.toml | same 'conffiles' "$scratch/control/conffiles"
	while read -r from to; do
		zcat -f "$scratch/root/$to" | cmp - "deploy/$from" || fail "$deb has another $from"
	done <<-'END'
		agent.toml etc/fieldpost/agent.toml
		fieldpost.service usr/lib/systemd/system/fieldpost.service
		handover usr/lib/fieldpost/handover
		fieldpost-handover.service usr/lib/systemd/system/fieldpost-handover.service
		fieldpost-keys.path usr/lib/systemd/system/fieldpost-keys.path
		fieldpost-keys.service usr/lib/systemd/system/fieldpost-keys.service
		sysusers.conf usr/lib/sysusers.d/fieldpost.conf
		tmpfiles.conf usr/lib/tmpfiles.d/fieldpost.conf
		udev.rules usr/lib/udev/rules.d/70-fieldpost.rules
		completion.bash usr/share/bash-completion/completions/fieldpost
		completion.zsh usr/share/zsh/vendor-completions/_fieldpost
		completion.fish usr/share/fish/vendor_completions.d/fieldpost.fish
		agent.1 usr/share/man/man1/fieldpost.1.gz
		copyright usr/share/doc/fieldpost/copyright
	END
	zcat "$scratch/root/usr/share/doc/fieldpost/changelog.gz" | grep -q "^fieldpost ($(debian_version)) " || fail "$deb has the changelog of another version"
	ls "$scratch/control" | tr '\n' ' ' | grep -qx 'conffiles control md5sums postinst postrm prerm ' || fail "$deb has other maintainer scripts"
	for script in postinst prerm postrm; do
		cmp "$scratch/control/$script" "deploy/$script" || fail "$deb has another $script"
		sed -n 2p "deploy/$script" | grep -qx 'set -e' || fail "$script goes on after what fails"
	done
done

# The maintainer scripts with every command of theirs replaced by one that only tells, and
# fails when it is named by FAILS.
mkdir "$scratch/stub"
for command in systemd-sysusers systemd-tmpfiles update-alternatives udevadm deb-systemd-helper deb-systemd-invoke systemctl rm; do
	printf '#!/bin/sh\necho "%s $*" >>"$CALLS"\n[ "${FAILS-}" != %s ]\n' "$command" "$command" >"$scratch/stub/$command"
	chmod +x "$scratch/stub/$command"
done
shell=$(command -v sh)
# script NAME ARGUMENT...: runs it; what it calls is in the file calls.
script() {
	local name=$1
	shift
	: >"$scratch/calls"
	CALLS=$scratch/calls PATH=$scratch/stub "$shell" "$scratch/control/$name" "$@"
}
# calls SCRIPT ARGUMENT...: the same, and it must end well.
calls() { script "$@" || fail "$* failed"; }
calls postinst configure ''
for want in 'systemd-sysusers fieldpost.conf' 'systemd-tmpfiles --create' 'update-alternatives --install /usr/bin/agent agent /usr/bin/fieldpost' \
	'deb-systemd-helper unmask fieldpost.service' 'deb-systemd-helper enable fieldpost.service' 'deb-systemd-helper enable fieldpost-keys.path'; do
	grep -q -e "$want" "$scratch/calls" || fail "an installation does not call: $want"
done
for quiet in 'postinst triggered x' 'prerm upgrade 2' 'prerm failed-upgrade 1'; do
	# shellcheck disable=SC2086 # several arguments
	calls $quiet
	! grep -v -e '^systemctl is-active ' -e '^systemctl stop fieldpost-handover' "$scratch/calls" || fail "$quiet: calls this"
done
calls prerm remove
grep -q 'update-alternatives --remove agent' "$scratch/calls" || fail 'remove leaves the other name'
for keep in 'postrm remove' 'postrm upgrade 2' 'postrm disappear x 1' 'postrm abort-install'; do
	# shellcheck disable=SC2086
	calls $keep
	! grep '^rm' "$scratch/calls" || fail "$keep removes something"
done

# purge: on folders below the scratch folder, with nothing but dpkg's helpers replaced.
sed -i -e "s|/var/lib/fieldpost|$scratch/purged/state|g" -e "s|/etc/fieldpost|$scratch/purged/etc|g" -e 's|-user fieldpost|-user "$OWNER"|' "$scratch/control/postrm"
export OWNER=daemon
mv "$scratch/stub/rm" "$scratch/rm"
for command in find rm rmdir; do ln -s "$(command -v $command)" "$scratch/stub/$command"; done
calls postrm purge
mkdir -p "$scratch"/purged/{state,etc/keys,elsewhere/corrupt-1}
touch "$scratch"/purged/{state/queue.db,state/.opening,etc/keys/.key,elsewhere/queue.db,elsewhere/corrupt-1/queue.db}
calls postrm purge
[ "$(ls "$scratch/purged")" = elsewhere ] || fail 'purge leaves something'
ln -s elsewhere "$scratch/purged/state"
calls postrm purge
[ -e "$scratch/purged/elsewhere/queue.db" ] && [ ! -L "$scratch/purged/state" ] || fail 'purge takes what belongs to somebody else'
OWNER=$(id -un)
ln -s elsewhere "$scratch/purged/state"
calls postrm purge
[ "$(cd "$scratch/purged" && find . | sort | tr '\n' ' ')" = '. ./elsewhere ' ] || fail 'purge leaves what a link leads to'
mv -f "$scratch/rm" "$scratch/stub/rm"
# What the agent cannot do without must fail; what a chroot does not have must not.
for must in 'systemd-sysusers postinst configure' 'systemd-tmpfiles postinst configure' 'update-alternatives postinst configure' \
	'update-alternatives prerm remove'; do
	# shellcheck disable=SC2086
	! FAILS=${must%% *} script ${must#* } || fail "${must#* } goes on without ${must%% *}"
done
ln -s elsewhere "$scratch/purged/state"
for may in rm udevadm deb-systemd-helper deb-systemd-invoke systemctl; do
	for call in 'postinst configure' 'prerm upgrade 2' 'prerm remove' 'postrm remove' 'postrm purge'; do
		# shellcheck disable=SC2086
		FAILS=$may calls $call
	done
done

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

# What the devices and the folder of keys are created with is for their group, and for root.
! grep -v -e '^#' -e 'GROUP="[a-z0-9]*", MODE="0660"$' deploy/udev.rules || fail 'a rule of udev gives a device to somebody else'
echo 'd /etc/fieldpost/keys 0700 root root -' | same 'tmpfiles.d' <(grep -v '^#' deploy/tmpfiles.conf)

# The unit: nothing that this systemd does not know, but for what 254 brought; and shut in.
cp deploy/fieldpost*.service deploy/fieldpost-keys.path "$scratch/"
sed -i 's|^ExecStart=/usr/[^ ]*/*fieldpost[^ ]*|ExecStart=/bin/true|' "$scratch/fieldpost.service" "$scratch/fieldpost-handover.service"
systemd-analyze verify --man=no "$scratch/fieldpost.service" "$scratch/fieldpost-handover.service" "$scratch/fieldpost-keys.path" 2>&1 |
	grep -e "$scratch" -e fieldpost | grep -v "Unknown key '*\(RestartSteps\|RestartMaxDelaySec\)" >"$scratch/verify" || true
[ ! -s "$scratch/verify" ] || { cat "$scratch/verify"; fail 'systemd has complaints'; }
for unit in fieldpost-handover fieldpost; do
	systemd-analyze security --offline=true --no-pager --threshold=20 deploy/$unit.service >"$scratch/security" 2>&1 ||
		{ cat "$scratch/security"; fail "$unit.service is exposed to more than 2.0"; }
done

# The sum leaves room, so that a line could go unnoticed: what is open is told one by one. The agent
# has a network, devices, neighbours and programs of others to run; /proc it reads as a sensor.
cat >"$scratch/open" <<'EOT'
DeviceAllow=
IPAddressDeny=
MemoryDenyWriteExecute=
PrivateDevices=
PrivateMounts=
PrivateNetwork=
PrivateUsers=
ProcSubset=
RestrictAddressFamilies=~AF_(INET|INET6)
RestrictAddressFamilies=~AF_NETLINK
RestrictAddressFamilies=~AF_UNIX
RootDirectory=/RootImage=
UMask=
EOT
systemd-analyze security --offline=true --no-pager --json=short deploy/fieldpost.service 2>/dev/null | tr '{' '\n' |
	sed -n 's/^"set":false,"name":"\([^"]*\)".*/\1/p' | LC_ALL=C sort | same 'the unit leaves something else open' "$scratch/open"

# What it does not rate: that systemd hears of the agent, watches it, bounds it, keeps its files
# from others and hands it the keys; and that both unit and udev let it at every kind of device.
while read -r line; do
	grep -qxF -e "$line" deploy/fieldpost.service || fail "the unit has lost $line"
done <<'EOT'
StartLimitIntervalSec=0
Type=notify
NotifyAccess=main
ExecStart=/usr/bin/fieldpost run --config /etc/fieldpost/agent.toml
Environment=FIELDPOST_REBOOT_FILE=%t/fieldpost/reboot
WatchdogSec=2min
Restart=always
RestartSec=5s
RestartSteps=8
RestartMaxDelaySec=5min
KillMode=mixed
OOMPolicy=continue
TimeoutStopSec=20s
SystemCallErrorNumber=EPERM
Group=fieldpost
UMask=0027
StateDirectory=fieldpost
StateDirectoryMode=0750
RuntimeDirectory=fieldpost
Wants=fieldpost-handover.service
After=fieldpost-handover.service
LoadCredential=keys:/run/fieldpost-keys
SetCredential=keys:none
DevicePolicy=closed
MemoryHigh=160M
MemoryMax=224M
TasksMax=128
WantedBy=multi-user.target
EOT
while read -r line; do
	grep -qxF -e "$line" deploy/fieldpost-handover.service || fail "fieldpost-handover.service has lost $line"
done <<'EOT'
PartOf=fieldpost.service
StartLimitIntervalSec=0
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/lib/fieldpost/handover /etc/fieldpost/keys /run/fieldpost-keys
RuntimeDirectory=fieldpost-keys
RuntimeDirectoryMode=0700
TimeoutStartSec=20s
LogExtraFields=OBJECT_SYSTEMD_UNIT=fieldpost.service
CapabilityBoundingSet=CAP_DAC_READ_SEARCH
ProtectSystem=strict
ProtectHome=read-only
EOT

# What can be handed over is, what cannot is told, and neither keeps the other from it.
keys=$scratch/keys
mkdir -p "$keys/folder" "$scratch/handed"
for name in connection-string 'with space ' a:b schlüssel.pem .hidden $'new\nline' -rf; do echo "$name" >"$keys/$name"; done
ln -s ../security "$keys/linked.pem"
ln -s nowhere "$keys/broken"
head -c 1100000 /dev/zero >"$keys/big"
deploy/handover "$keys" "$scratch/handed" 2>"$scratch/left"
ls "$scratch/handed" | LC_ALL=C sort | same 'handed over' <(printf '%s\n' -rf connection-string linked.pem 'with space ')
cmp "$scratch/handed/linked.pem" "$scratch/security"
sed -n "s|^<4>$keys/\(.*\) was not handed to the agent: .*; .*|\1|p" "$scratch/left" | LC_ALL=C sort |
	same 'told as left' <(printf '%s\n' .hidden a:b big broken folder 'new?line' schlüssel.pem)
rm -r "$keys" "$scratch/handed"
mkdir -p "$keys" "$scratch/handed"
for ((i = 0; i < 300; i++)); do head -c 4090 /dev/zero >"$keys/more-$i"; done
for ((i = 0; i < 20; i++)); do echo key >"$keys/key-$i"; done
deploy/handover "$keys" "$scratch/handed" 2>"$scratch/left"
[ "$(ls "$scratch/handed" | grep -c key-)" = 20 ] || fail 'many files keep the key from the agent'
[ "$(du -s --apparent-size -B1 "$scratch/handed" | cut -f1)" -lt 1040000 ] || fail 'systemd takes less than this'
[ "$(wc -l <"$scratch/left")" = 21 ] || fail 'many files flood the log'

for pair in i2c-dev:char-i2c spidev:char-spi gpio:char-gpiochip watchdog:char-watchdog misc:/dev/watchdog; do
	grep -q "^SUBSYSTEM==\"${pair%:*}\"" deploy/udev.rules || fail "no rule of udev for ${pair%:*}"
	grep -qx "DeviceAllow=${pair#*:} rw" deploy/fieldpost.service || fail "the unit does not allow ${pair#*:}"
done
for port in S AMA ACM USB; do
	grep -qx "DeviceAllow=char-tty$port rw" deploy/fieldpost.service || fail "the unit does not allow char-tty$port"
done
grep Overall "$scratch/security" | sed 's/^[^O]*//'
echo "${#binaries[@]} binaries with their bills, 3 packages, $(dpkg-deb -f "$deb" Version)"
