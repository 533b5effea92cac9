# What a build says of itself, for the scripts that source this at the top of the tree.

# version: as the programs print it.
version=${VERSION:-$(git describe --tags --always --abbrev=12 --dirty 2>/dev/null || true)}
version=${version:-unversioned}

# built: date of the commit. The agent takes no clock for right that reads before it.
built=$(TZ=UTC git log -1 --format=%cd --date=format-local:%Y-%m-%dT%H:%M:%SZ 2>/dev/null || true)

# Whatever packs files and writes a date takes this one.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || true)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-315532800}
export SOURCE_DATE_EPOCH

# debian_version: as dpkg orders versions. A tag v1.2.3-rc1 is 1.2.3~rc1, four commits
# later 1.2.3~rc1+4.gHASH; what has no tag is older than all that has, and by date.
debian_version() {
	case $version in
	v[0-9]*.* | [0-9]*.*)
		echo "$version" | sed -e 's/^v//' -e 's/-dirty$/+dirty/' -e 's/-\([0-9]*\)-g\([0-9a-f]*\)/+\1.g\2/' -e 's/-/~/g'
		;;
	*)
		echo "0~$(echo "$built" | tr -cd 0-9).$(echo "$version" | tr - +)"
		;;
	esac
}
