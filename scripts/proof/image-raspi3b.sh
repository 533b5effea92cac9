# the SD card on the Raspberry Pi 3 of QEMU: identity from the boot partition, a part on I2C, a hub, ten power cuts
need mcopy mtools
need mkfs.fat dosfstools
need mkfs.ext4 e2fsprogs
need ar binutils
need xz xz-utils
need curl curl
need fdtput device-tree-compiler
. scripts/guest.sh

if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ]; then
	arm_qemu
	scripts/cross-build.sh agent-linux-arm64 | tee -a "$log"
	scripts/image.sh | tee -a "$log"
	CGO_ENABLED=0 go build -o "$scratch/agent" ./cmd/agent
	CGO_ENABLED=0 go build -C bench -o "$scratch/image" ./image
	run "the card on a Raspberry Pi 3" "$scratch/image" -image dist/fieldpost-rpi-arm64.img -agent "$scratch/agent" \
		-qemu "$qemu/qemu-system-aarch64" -share "$share" -work "$scratch" -cuts "${count:-10}" -table "$table" "${more[@]}"
else
	echo 'SKIPPED: packages are unpacked on Debian for amd64' >>"$log"
fi
