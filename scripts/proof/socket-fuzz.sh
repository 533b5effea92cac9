# ten minutes of raw bytes at the technician's socket, and a thousand clients that sit there; COUNT is minutes

minutes=${count:-10}
clients() { go test ./internal/diag -run '^TestCrowd$' -count 1 -v -args -crowd 1000; }
run "a thousand clients" clients
sed -n 's/.*_test.go:[0-9]*: \(1000 clients\)/\1/p' "$log" >>"$table"
bytes_at_the_socket() {
	nice -n 19 go test ./internal/diag -run '^$' -fuzz '^FuzzSocket$' -fuzztime "${minutes}m" -timeout 0 -parallel 1 -fuzzminimizetime 0 "${more[@]}" >"$scratch/fuzz.log" 2>&1 ||
		# The end of the time may pass for a failure, with no input (golang/go#75804).
		{ grep -qx '    context deadline exceeded' "$scratch/fuzz.log" && ! grep -q 'Failing input' "$scratch/fuzz.log"; } || { cat "$scratch/fuzz.log"; return 1; }
	grep '^fuzz: elapsed' "$scratch/fuzz.log" | tail -n 1 >>"$table"
	[ -s "$table" ] && grep -q execs "$table"
}
run "raw bytes" bytes_at_the_socket
