# a kernel dies under the store, or its disk lies: 20 kills, all prefixes of a log of writes, 20 lies; QEMU, no KVM
need qemu-system-x86_64 qemu-system-x86
need mkfs.ext4 e2fsprogs
need depmod kmod

. scripts/guest.sh

if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ]; then
	cloud_kernel "$scratch/kernel" virtio_pci virtio_blk virtio_console crc32c_generic ext4 dm_log_writes dm_flakey dm_snapshot | tee -a "$log"
	crash "$scratch/crash.test"
	what=all
	[ -z "$count" ] || what=$((count * 10))
	prove "${count:-20} kills, $what prefixes, ${count:-20} lying disks" "$scratch/crash.test" 'TestKernel.*|TestLogOfWrites|TestPartialWrites' \
		-kernel "$scratch/kernel" -rounds "${count:-20}" -prefixes "$((${count:-0} * 10))" -lies "${count:-20}" "${more[@]}"
else
	echo 'SKIPPED: the kernel is Debian for amd64' >>"$log"
fi
