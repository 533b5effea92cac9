# random interleavings of redelivery, lost locks and links, duplicate ids, full disks, restarts and stops, 1000 seeds
seeds=${count:-1000}
run "$seeds seeds" go test ./c2d -run '^TestInterleavings$' -v -count 1 -timeout 24h "${more[@]}" -args -seeds "$seeds"
ran=$(grep -c '^    --- PASS: TestInterleavings/' "$log" || true)
echo "interleavings: $ran seeds passed" >>"$table"
if [ "$ran" != "$seeds" ]; then
	echo "$ran of $seeds seeds were run" | tee -a "$log"
	failed=1
fi
