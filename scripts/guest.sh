# What a machine in QEMU is made of, for proofs that need another kernel than this one.

# kernel FOLDER MODULE...: Debian's kernel for virtual machines as FOLDER/vmlinuz, and
# these modules with what they need as FOLDER/modules/*.ko, numbered in the order in
# which they are inserted. Nothing is installed.
kernel() {
	local folder=$1 package release module n=10
	shift
	apt-get update -qq
	package=$(apt-cache depends linux-image-cloud-amd64 | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p')
	mkdir -p "$folder/modules"
	(cd "$folder" && apt-get download -qq -o APT::Sandbox::User=root "$package" && dpkg -x ./*.deb root && rm ./*.deb)
	release=$(ls "$folder/root/lib/modules")
	cp "$folder/root/boot/vmlinuz-$release" "$folder/vmlinuz"
	depmod -b "$folder/root" "$release"
	for module in "$@"; do
		modprobe -d "$folder/root" -S "$release" --show-depends "$module"
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' >"$folder/order"
	while read -r module; do
		cp "$module" "$folder/modules/$n-$(basename "$module")"
		n=$((n + 1))
	done <"$folder/order"
	echo "kernel $release"
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
