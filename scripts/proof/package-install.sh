# a package is installed, upgraded, taken back, removed, purged: Debian 12 and 13 under systemd in QEMU, armhf and arm64 in a chroot
need debootstrap debootstrap
need qemu-system-x86_64 qemu-system-x86
need mkfs.ext4 e2fsprogs
need depmod kmod
need cpio cpio
need busybox busybox-static
need qemu-arm-static qemu-user-static

. scripts/guest.sh

parts=($count "${more[@]}")
for part in "${parts[@]}"; do
	case $part in
	bookworm | trixie | armhf | arm64) ;;
	*) echo "package-install: no part $part; there are: bookworm trixie armhf arm64" >&2; exit 2 ;;
	esac
done

# wanted PART: whether it was named behind the name of the proof, or none was.
wanted() { [ ${#parts[@]} = 0 ] || [[ " ${parts[*]} " == *" $1 "* ]]; }

# packages FOLDER NAME GOARCH: old.deb and new.deb there, of version 0.0.1 and 0.0.2, made in
# a copy of the tree, with the agent built as BINARY name it. The example configuration of
# the newer is another.
packages() {
	local tree=$scratch/tree pair
	mkdir -p "$1" "$tree"
	tar --exclude=./dist -cf - . | tar -xf - -C "$tree"
	for pair in old:v0.0.1 new:v0.0.2; do
		rm -rf "$tree/dist"
		[ "$pair" != new:v0.0.2 ] || echo '# An example of the newer package.' >>"$tree/deploy/agent.toml"
		(cd "$tree" && export VERSION=${pair#*:} && scripts/cross-build.sh "$2" && scripts/package.sh "$3") >>"$log" 2>&1 || return 1
		mv "$tree"/dist/*.deb "$1/${pair%:*}.deb"
	done
}

# judge TEXT FILE STAGES: every stage must have come to its end without a failure.
judge() {
	local stages failed
	stages=$(grep -c '^STAGE .* ends, failed 0' "$2" || true)
	failed=$(grep -c '^FAIL' "$2" || true)
	printf '%-34s %3s held, %s failed, %s of %s stages ended\n' "$1" "$(grep -c '^PASS' "$2")" "$failed" "$stages" "$3" >>"$table"
	grep -v '^PASS' "$2" >>"$table" || true
	cat "$2"
	[ "$failed" = 0 ] && [ "$stages" = "$3" ]
}

# machine SUITE: installs on a machine of that release, which boots twice.
machine() {
	local root=$scratch/$1 console=$scratch/$1.console said=$scratch/$1.said boot guest
	trap 'kill "$guest" 2>/dev/null; exit 143' TERM
	debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus,udev "$1" "$root" || return 1
	mkdir "$root/proof"
	cp "$scratch/amd64/"*.deb deploy/proof/machine.sh "$root/proof/"
	echo '/dev/vda / ext4 defaults 0 1' >"$root/etc/fstab"
	cat >"$root/etc/systemd/system/proof.service" <<-'END'
		[Unit]
		After=multi-user.target
		[Service]
		ExecStart=/bin/bash /proof/machine.sh
		StandardOutput=file:/dev/ttyS1
		StandardError=file:/dev/ttyS1
	END
	mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
	ln -s ../proof.service "$root/etc/systemd/system/multi-user.target.wants/"
	mkfs.ext4 -q -F -d "$root" "$scratch/disk" 2G && rm -rf "$root" || return 1
	: >"$said"
	for boot in 1 2; do
		timeout 2400 qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu qemu64,+rdrand -m 768 -smp 2 -nographic -no-reboot -nic none -monitor none \
			-kernel "$scratch/kernel/vmlinuz" -initrd "$scratch/initrd" -append 'console=ttyS0 panic=-1 quiet' \
			-drive "file=$scratch/disk,format=raw,if=virtio,cache=unsafe" -serial "file:$console" -serial "file:$said.$boot" </dev/null &
		guest=$!
		wait "$guest"
		tr -d '\r' <"$said.$boot" >>"$said"
	done
	tail -n 20 "$console"
	judge "$1, amd64, systemd" "$said" 2
}

# chrooted ARCH: installs in a chroot for that processor.
chrooted() {
	local root=$scratch/$1-root status=0
	debootstrap --arch "$1" --variant=minbase --include=systemd bookworm "$root" || return 1
	mkdir "$root/proof"
	cp "$scratch/$1/"*.deb deploy/proof/chroot.sh "$root/proof/"
	mount -t proc proc "$root/proc" || return 1
	chroot "$root" /bin/bash /proof/chroot.sh >"$scratch/$1.said" 2>&1 || status=$?
	umount "$root/proc"
	judge "bookworm, $1, no systemd" "$scratch/$1.said" 1 && [ "$status" = 0 ]
}

# registered EMULATOR: whether the kernel gives programs for that processor to it. Where
# nothing does it does so until the proof ends.
registered() {
	local names=/proc/sys/fs/binfmt_misc magic
	[ -e $names/register ] || mount -t binfmt_misc none $names 2>/dev/null || return 1
	[ ! -e "$names/$1" ] || return 0
	case $1 in
	qemu-arm) magic='\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\x28\x00' ;;
	qemu-aarch64) magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00' ;;
	esac
	printf ':%s:M::%s:%s:/usr/bin/%s-static:F' "$1" "$magic" \
		'\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff' "$1" >$names/register 2>/dev/null || return 1
	ours+=("$names/$1")
}

ours=()
trap 'for name in "${ours[@]}"; do echo -1 >"$name"; done; cleanup' EXIT
if ! wanted bookworm && ! wanted trixie; then
	:
elif [ "$(dpkg --print-architecture)" = amd64 ]; then
	packages "$scratch/amd64" agent-linux-amd64 amd64
	cloud_kernel "$scratch/kernel" virtio_pci virtio_blk ext4 | tee -a "$log"
	mkdir -p "$scratch/init/bin" "$scratch/init/dev" "$scratch/init/root"
	cp "$(command -v busybox)" "$scratch/init/bin/"
	cp -r "$scratch/kernel/modules" "$scratch/init/"
	cat >"$scratch/init/init" <<-'END'
		#!/bin/busybox sh
		busybox mount -t devtmpfs dev /dev
		for module in /modules/*.ko; do busybox insmod $module; done
		until [ -b /dev/vda ]; do busybox sleep 1; done
		busybox mount -t ext4 /dev/vda /root
		exec busybox switch_root /root /sbin/init
	END
	chmod +x "$scratch/init/init"
	pack "$scratch/init" "$scratch/initrd"
	for release in bookworm trixie; do
		wanted "$release" || continue
		run "$release under systemd" machine "$release"
	done
else
	echo 'SKIPPED: systemd: the kernel is Debian for amd64' >>"$log"
fi
for pair in armhf:qemu-arm:agent-linux-armv6:arm6 arm64:qemu-aarch64:agent-linux-arm64:arm64; do
	IFS=: read -r arch emulator binary goarch <<<"$pair"
	wanted "$arch" || continue
	if registered "$emulator"; then
		packages "$scratch/$arch" "$binary" "$goarch"
		run "$arch" chrooted "$arch"
	else
		echo "SKIPPED: $arch: this kernel runs no programs for it (binfmt_misc)" >>"$log"
	fi
done
