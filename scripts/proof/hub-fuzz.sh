# an hour of fuzzing on the hub: wire, sessions, WebSocket, tokens, addresses, filters, twins; COUNT is minutes

# A target gets an equal share of the time, and ends with its first failure: that
# input is then in testdata/fuzz of its package, where go test finds it again. Inputs
# are not minimized: in a session of several goroutines that never comes to an end.
minutes=${count:-60}
targets=$scratch/targets
for package in ./hub/... ./cmd/hub ./internal/amqpserver/... ./internal/wsserver ./internal/service; do
	for path in $(go list "$package"); do
		go test -list '^Fuzz' "$path" | sed -n "s|^Fuzz|$path Fuzz|p"
	done
done >"$targets"
share=$((minutes * 60 / $(wc -l <"$targets")))
row='%-48s%12s%14s%12s\n'
# shellcheck disable=SC2059
printf "$row" target execs 'new inputs' failures >>"$table"
while read -r path target; do
	out=$scratch/fuzz.log
	echo "== $path $target" >>"$log"
	failures=0
	nice -n 19 go test "$path" -run '^$' -fuzz "^$target\$" -fuzztime "${share}s" -timeout 0 -parallel 1 -fuzzminimizetime 0 "${more[@]}" >"$out" 2>&1 || failures=1
	cat "$out" >>"$log"
	# The end of the time may pass for a failure, with no input (golang/go#75804).
	if grep -qx '    context deadline exceeded' "$out" && ! grep -q 'Failing input' "$out"; then
		failures=0
	fi
	execs=$(sed -n 's/^fuzz: elapsed.* execs: \([0-9]*\).*/\1/p' "$out" | tail -n 1)
	new=$(sed -n 's/^fuzz: elapsed.* new interesting: \([0-9]*\).*/\1/p' "$out" | tail -n 1)
	if [ -z "$execs" ]; then
		failures=1
		echo "$target did not fuzz" | tee -a "$log"
	fi
	[ "$failures" = 0 ] || failed=1
	# shellcheck disable=SC2059
	printf "$row" "${path#fieldpost/} $target" "${execs:-none}" "${new:-none}" "$failures" | tee -a "$table"
done <"$targets"
