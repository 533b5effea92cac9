# the agent on a Raspberry Pi Zero, ARMv6: as board-raspi3b
. scripts/guest.sh
pi raspi0 arm 6 qemu-system-arm armel linux-image-rpi bcm2835-rpi-zero.dtb
