# What a machine in QEMU is made of, for proofs that need another kernel than this one.
# Everything comes from Debian and nothing is installed: packages are unpacked below
# $cache, outside of the tree, and stay there for the next proof.
cache=${FIELDPOST_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/fieldpost}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
suite=bookworm # of the guests, whatever runs here

# apt_for ARCH COMMAND...: a command of apt that knows the packages for that
# architecture, as of today and apart from this system's.
apt_for() {
	local folder=$cache/apt-$1
	shift
	if [ -z "$(find "$folder/apt.conf" -mmin -720 2>/dev/null)" ]; then
		rm -rf "$folder"
		mkdir -p "$folder"/{etc/preferences.d,state/lists/partial,cache/archives/partial}
		touch "$folder/state/status"
		printf "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror %s main\n" "$suite" "$suite-backports" >"$folder/etc/sources.list"
		cat >"$folder/new" <<-end
			Dir::State "$folder/state";
			Dir::State::status "$folder/state/status";
			Dir::Cache "$folder/cache";
			Dir::Etc "$folder/etc";
			Dir::Etc::parts "/etc/apt/apt.conf.d";
			APT::Architecture "${folder##*-}";
			APT::Architectures { "${folder##*-}"; };
			APT::Sandbox::User "root";
			Acquire::Languages "none";
		end
		APT_CONFIG=$folder/new apt-get update -qq && mv "$folder/new" "$folder/apt.conf" || return 1
	fi
	APT_CONFIG=$folder/apt.conf "$@"
}

# unpacked ARCH SUITE PACKAGE: prints the folder with the files of that package.
unpacked() {
	local name folder
	# Versions vanish from the mirror at each point release.
	name=$(apt_for "$1" apt-get download --print-uris -qq -t "$2" "$3" | awk '{ print $2 }')
	[ -n "$name" ] || { echo "no package $3 for $1 in $2" >&2; return 1; }
	folder=$cache/${name%.deb}
	if [ ! -d "$folder" ]; then
		rm -rf "$folder.new"
		mkdir -p "$folder.new/deb"
		(cd "$folder.new/deb" && apt_for "$1" apt-get download -qq -t "$2" "$3" && dpkg -x ./*.deb ..) || return 1
		rm -r "$folder.new/deb"
		mv "$folder.new" "$folder"
	fi
	echo "$folder"
}

# kernel FOLDER ARCH SUITE PACKAGE MODULE...: the kernel that this package depends on as
# FOLDER/vmlinuz, its device trees as FOLDER/dtb, and these modules with what they need
# as FOLDER/modules/*.ko, numbered in the order in which they are inserted.
kernel() {
	local folder=$1 arch=$2 from=$3 package=$4 root release module n=10
	shift 4
	package=$(apt_for "$arch" apt-cache depends -t "$from" "$package" | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	root=$(unpacked "$arch" "$from" "$package")
	release=$(ls "$root/lib/modules")
	[ -e "$root/lib/modules/$release/modules.dep" ] || depmod -b "$root" "$release"
	mkdir -p "$folder/modules"
	cp "$root/boot/vmlinuz-$release" "$folder/vmlinuz"
	[ ! -d "$root/usr/lib/$package" ] || ln -s "$root/usr/lib/$package" "$folder/dtb"
	for module in "$@"; do
		modprobe -d "$root" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$folder/order"
	while read -r module; do
		case $module in
		*.xz) xz -dc "$module" >"$folder/modules/$n-$(basename "$module" .xz)" ;;
		*) cp "$module" "$folder/modules/$n-$(basename "$module")" ;;
		esac
		n=$((n + 1))
	done <"$folder/order"
	echo "kernel $release, $arch"
}

# cloud_kernel FOLDER MODULE...: the one for virtual machines.
cloud_kernel() {
	local folder=$1
	shift
	kernel "$folder" amd64 "$suite" linux-image-cloud-amd64 "$@"
}

# pack FOLDER FILE: everything below FOLDER as an initramfs.
pack() { (cd "$1" && find . -mindepth 1 | cpio -o -H newc --quiet) >"$2"; }

# carry FOLDER COMMAND...: puts commands of this system there, with their libraries.
carry() {
	local folder=$1 path library
	shift
	for path in "$@"; do
		path=$(command -v "$path")
		install -D "$path" "$folder$path"
		ldd "$path" | grep -o '/[^ ]*' | while read -r library; do install -D "$library" "$folder$library"; done
	done
}

# arm_qemu: finds a QEMU whose Raspberry Pis have an I2C controller, which came with
# version 9, and sets qemu to its folder and share to what goes with it.
arm_qemu() {
	local part version modules
	need qemu-system-arm qemu-system-arm
	qemu=$(dirname "$(command -v qemu-system-arm)") share=
	version=$(qemu-system-arm --version | sed -n '1s/.*version \([0-9]*\).*/\1/p')
	[ "$version" -lt 9 ] || return 0
	# The libraries are those of the one installed.
	for part in qemu-system-arm qemu-system-common qemu-system-data; do
		part=$(unpacked amd64 "$suite-backports" "$part")
		case $part in
		*/qemu-system-arm_*) qemu=$part/usr/bin ;;
		*/qemu-system-common_*) modules=$part/usr/lib/x86_64-linux-gnu/qemu ;;
		*/qemu-system-data_*) share=$part/usr/share/qemu ;;
		esac
	done
	# It looks for modules among those of the installed one too, and ends at the first of
	# another build. What it finds here it does not look for there, and what is empty is no
	# module.
	export QEMU_MODULE_DIR=$scratch/qemu-modules
	mkdir -p "$QEMU_MODULE_DIR"
	for part in /usr/lib/x86_64-linux-gnu/qemu/*.so; do
		[ ! -e "$part" ] || : >"$QEMU_MODULE_DIR/${part##*/}"
	done
	ln -sf "$modules"/*.so "$QEMU_MODULE_DIR"
}

# unpacks: whether packages can be unpacked here; if not, that is a skip.
unpacks() {
	if [ "$(dpkg --print-architecture 2>/dev/null)" != amd64 ]; then
		echo 'SKIPPED: packages are unpacked on Debian for amd64' >>"$log"
		return 1
	fi
	need depmod kmod
	need cpio cpio
}

# board MACHINE GOARCH GOARM QEMU FOLDER [FLAG...]: proves the agent of dist/ on that
# machine; FOLDER has the kernel and the modules. Flags are those of bench/board.
board() {
	local machine=$1 goarch=$2 goarm=$3 binary=$4 folder=$5
	shift 5
	mkdir -p "$scratch/root"
	scripts/cross-build.sh "agent-linux-${goarch/%arm/armv$goarm}" | tee -a "$log"
	CGO_ENABLED=0 go build -C bench -o "$scratch/board" ./board
	CGO_ENABLED=0 GOOS=linux GOARCH=$goarch GOARM=$goarm go build -C bench -ldflags '-s -w' -o "$scratch/root/init" ./board/guest
	cp "dist/agent-linux-${goarch/%arm/armv$goarm}" "$scratch/root/agent"
	cp -r "$folder/modules" "$scratch/root"
	pack "$scratch/root" "$scratch/initrd"
	run "the agent on $machine" "$scratch/board" -machine "$machine" -qemu "$binary" -kernel "$folder/vmlinuz" -initrd "$scratch/initrd" -work "$scratch" -table "$table" "$@"
}

# pi MACHINE GOARCH GOARM QEMU ARCH PACKAGE DTB: proves the agent on a Raspberry Pi with
# the kernel of that package, which for ARMv6 comes from the backports.
pi() {
	local from=$suite dtb=$scratch/board.dtb
	unpacks || return 0
	need fdtput device-tree-compiler
	need xz xz-utils
	arm_qemu
	[ "$5" != armel ] || from=$suite-backports
	kernel "$scratch/kernel" "$5" "$from" "$6" phy_generic i2c_bcm2835 i2c_dev dwc2 cdc_ether | tee -a "$log"
	cp "$scratch/kernel/dtb/$7" "$dtb"
	# A Bluetooth chip on the serial line would get what the host says on it.
	! fdtget -l "$dtb" /soc/serial@7e201000 | grep -q bluetooth || fdtput -r "$dtb" /soc/serial@7e201000/bluetooth
	board "$1" "$2" "$3" "$qemu/$4" "$scratch/kernel" -share "$share" -dtb "$dtb"
}
