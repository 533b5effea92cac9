# the agent on Debian's kernel with USB adapters: parts by its drivers and by the kernel's, faults, a hub; QEMU
. scripts/guest.sh

if unpacks; then
	need qemu-system-x86_64 qemu-system-x86
	kernel "$scratch/kernel" amd64 "$suite" linux-image-amd64 \
		virtio_pci virtio_net vhci_hcd i2c_tiny_usb i2c_dev bmp280_i2c ds2482 w1_therm | tee -a "$log"
	board amd64 amd64 '' qemu-system-x86_64 "$scratch/kernel"
fi
