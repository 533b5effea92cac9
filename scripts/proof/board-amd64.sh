# the agent on Debian's kernel with USB adapters: parts by its drivers and by the kernel's, faults, a hub; QEMU
need qemu-system-x86_64 qemu-system-x86
need depmod kmod
need cpio cpio
. scripts/guest.sh

if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ]; then
	kernel "$scratch/kernel" amd64 "$suite" linux-image-amd64 \
		virtio_pci virtio_net vhci_hcd i2c_tiny_usb i2c_dev bmp280_i2c ds2482 w1_therm | tee -a "$log"
	board amd64 amd64 '' qemu-system-x86_64 "$scratch/kernel"
else
	echo 'SKIPPED: packages are unpacked on Debian for amd64' >>"$log"
fi
