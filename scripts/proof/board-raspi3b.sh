# the agent on a Raspberry Pi 3, arm64: its I2C bus, identity, USB network, no clock, a hub; QEMU 9 or later
. scripts/guest.sh
pi raspi3b arm64 '' qemu-system-aarch64 arm64 linux-image-arm64 broadcom/bcm2837-rpi-3-b.dtb
