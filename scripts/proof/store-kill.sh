# 200 kills under load: native, as a 32-bit build, and for armv6 under emulation
need qemu-arm-static qemu-user-static
rounds=${count:-200}
crash "$scratch/crash.test"
prove "native, $rounds kills" "$scratch/crash.test" 'TestKill|TestKillCatchesLies|TestDeathIsNoticed' -rounds "$rounds" "${more[@]}"
if [ "$(go env GOHOSTARCH)" = amd64 ]; then
	GOARCH=386 crash "$scratch/crash-386.test"
	prove "386, $rounds kills" "$scratch/crash-386.test" 'TestKill|TestKillCatchesLies' -rounds "$rounds" "${more[@]}"
else
	echo 'SKIPPED: 386 needs an x86 machine' >>"$log"
fi
GOARCH=arm GOARM=6 crash "$scratch/crash-armv6.test"
prove "armv6, $rounds kills" "$scratch/crash.test" 'TestKill|TestKillCatchesLies' -rounds "$rounds" \
	-child "qemu-arm-static -cpu arm1176 $scratch/crash-armv6.test" "${more[@]}"
