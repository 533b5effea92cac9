# 200 sensors ten times a second for a minute: natively, and as armv6 under emulation
need qemu-arm-static qemu-user-static || true
CGO_ENABLED=0 go build -C bench -o "$scratch/grid" ./grid
CGO_ENABLED=0 go build -o "$scratch/agent" ./cmd/agent
CGO_ENABLED=0 GOARCH=arm GOARM=6 go build -o "$scratch/agent-armv6" ./cmd/agent
rate() {
	local title=$1
	shift
	run "$title" sh -c '"$@" >>"$0"' "$table" "$scratch/grid" -sensors "${count:-200}" -title "$title" -head "$@"
}
rate native "$scratch/agent"
if command -v qemu-arm-static >/dev/null; then
	rate armv6 qemu-arm-static -cpu arm1176 "$scratch/agent-armv6"
else
	echo 'SKIPPED: armv6 needs qemu-arm-static' >>"$log"
fi
