# kill -9 at each point of a command and at random moments, by both doors of the hub: one effect, one outcome, one answer
rounds=${count:-25}
CGO_ENABLED=0 go test -c -o "$scratch/agent.test" ./internal/agent
run "$rounds rounds" "$scratch/agent.test" -test.v -test.count 1 -test.timeout 24h -test.run '^TestCommandKills$' \
	-kills "$rounds" -table "$table" "${more[@]}"
