# the agent on bad networks: rate, outage, flapping, MTU, cuts, loss; root, QEMU; ROW..., -list
need ip iproute2
need tc iproute2
. scripts/guest.sh

chosen=()
[ -z "$count" ] || chosen=("$count" "${more[@]}")
CGO_ENABLED=0 go build -C bench -o "$scratch/network" ./network
if [ "$count" = -list ]; then
	"$scratch/network" -list
	exit
fi
CGO_ENABLED=0 go build -o "$scratch/agent" ./cmd/agent
guest=()
if [ "$(dpkg --print-architecture 2>/dev/null)" = amd64 ] && "$scratch/network" -list "${chosen[@]}" | grep -q 'in a guest$'; then
	need qemu-system-x86_64 qemu-system-x86
	need depmod kmod
	need cpio cpio
	cloud_kernel "$scratch/kernel" virtio_pci veth bridge sch_netem | tee -a "$log"
	mkdir "$scratch/root"
	cp -r "$scratch/kernel/modules" "$scratch/network" "$scratch/agent" "$scratch/root"
	carry "$scratch/root" ip tc
	pack "$scratch/root" "$scratch/initrd"
	guest=(-kernel "$scratch/kernel/vmlinuz" -initrd "$scratch/initrd")
fi
mkdir "$scratch/work"
run 'faults of a network path' "$scratch/network" -agent "$scratch/agent" -work "$scratch/work" -table "$table" "${guest[@]}" "${chosen[@]}"
