# 2000 damaged files by class of damage, and how much of each comes out
crash "$scratch/crash.test"
prove "${count:-2000} damaged files" "$scratch/crash.test" 'TestCorrupt|TestUnreadable|TestDeathIsNoticed' -files "${count:-2000}" "${more[@]}"
