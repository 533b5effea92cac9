# the card's Wi-Fi on Debian's kernel with simulated radios: joins, loses, joins again, says what is wrong; QEMU
. scripts/guest.sh

if unpacks; then
	need qemu-system-x86_64 qemu-system-x86
	need hostapd hostapd
	need iw iw
	need busybox busybox-static
	kernel "$scratch/kernel" amd64 "$suite" linux-image-amd64 af_packet ccm ctr cmac mac80211_hwsim | tee -a "$log"
	mkdir -p "$scratch/root/gokrazy"
	CGO_ENABLED=0 go build -C deploy/image -o "$scratch/root/start" ./start
	CGO_ENABLED=0 go build -C deploy/image -o "$scratch/root/gokrazy/dhcp" github.com/gokrazy/gokrazy/cmd/dhcp
	CGO_ENABLED=0 go build -C bench -o "$scratch/root/init" ./wifi
	carry "$scratch/root" hostapd iw
	install -D "$(command -v busybox)" "$scratch/root/usr/bin/busybox"
	cp -r "$scratch/kernel/modules" "$scratch/root"
	pack "$scratch/root" "$scratch/initrd"
	run "the card's Wi-Fi" "$scratch/root/init" -kernel "$scratch/kernel/vmlinuz" -initrd "$scratch/initrd" -table "$table"
fi
