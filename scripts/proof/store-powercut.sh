# 500 folders that a power cut may leave, from the recorded order of writes and syncs
need strace strace
crash "$scratch/crash.test"
prove "${count:-500} power cuts" "$scratch/crash.test" 'TestPowerCut|TestPowerCutCatchesCheats' -states "${count:-500}" "${more[@]}"
