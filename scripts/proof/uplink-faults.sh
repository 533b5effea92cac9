# the agent against every fault that the local hub knows, in virtual time
run 'faults of the hub' go test ./internal/agent -run '^TestFaultMatrix$' -v -count 1 -timeout 1h -faults "$table" "${more[@]}"
