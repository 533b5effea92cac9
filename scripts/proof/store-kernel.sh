# a kernel dies under the store, or its disk lies: 20 kills, all prefixes of a log of writes, 20 lies; QEMU, no KVM
need qemu-system-x86_64 qemu-system-x86
need mkfs.ext4 e2fsprogs
need depmod kmod

# kernel FOLDER: Debian's kernel for virtual machines, and what modules it needs, in
# the order in which they are inserted. Nothing is installed.
kernel() {
	local package release module n=10
	apt-get update -qq
	package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	mkdir -p "$1/modules"
	(cd "$1" && apt-get download -qq -o APT::Sandbox::User=root "$package" && dpkg -x ./*.deb root && rm ./*.deb)
	release=$(ls "$1/root/lib/modules")
	cp "$1/root/boot/vmlinuz-$release" "$1/vmlinuz"
	depmod -b "$1/root" "$release"
	for module in virtio_pci virtio_blk virtio_console crc32c_generic ext4 dm_log_writes dm_flakey dm_snapshot; do
		modprobe -d "$1/root" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$1/order"
	while read -r module; do
		cp "$module" "$1/modules/$n-$(basename "$module")"
		n=$((n + 1))
	done <"$1/order"
	echo "kernel $release"
}

if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ]; then
	kernel "$scratch/kernel" | tee -a "$log"
	crash "$scratch/crash.test"
	what=all
	[ -z "$count" ] || what=$((count * 10))
	prove "${count:-20} kills, $what prefixes, ${count:-20} lying disks" "$scratch/crash.test" 'TestKernel.*|TestLogOfWrites|TestPartialWrites' \
		-kernel "$scratch/kernel" -rounds "${count:-20}" -prefixes "$((${count:-0} * 10))" -lies "${count:-20}" "${more[@]}"
else
	echo 'SKIPPED: the kernel is Debian for amd64' >>"$log"
fi
