# the agent on a Raspberry Pi 2, ARMv7: as board-raspi3b
. scripts/guest.sh
pi raspi2b arm 7 qemu-system-arm armhf linux-image-armmp bcm2836-rpi-2-b.dtb
