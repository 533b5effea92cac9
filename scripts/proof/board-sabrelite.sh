# the agent on an i.MX6 board, ARMv7: I2C bus, output, contact and counter on GPIO lines, a hub; QEMU
. scripts/guest.sh

if unpacks; then
	arm_qemu
	kernel "$scratch/kernel" armhf "$suite" linux-image-armmp i2c_imx i2c_dev gpio_mxc fec | tee -a "$log"
	board sabrelite arm 7 "$qemu/qemu-system-arm" "$scratch/kernel" -share "$share" -dtb "$scratch/kernel/dtb/imx6q-sabrelite.dtb"
fi
