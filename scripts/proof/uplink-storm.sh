# 1000 agents lose their hub for a minute: in virtual time, then by the clock over TCP
agents=${count:-1000}
ulimit -n "$((agents * 8 + 200))" || true # the test says when it has too few
[ ! -d /dev/shm ] || export TMPDIR=/dev/shm
CGO_ENABLED=0 go test -c -o "$scratch/agent.test" ./internal/agent
storm() {
	run "$1" "$scratch/agent.test" -test.v -test.count 1 -test.timeout 1h -test.run '^TestReconnectStorm$' \
		-instances "$agents" -table "$table" "${@:2}" "${more[@]}"
}
storm "$agents agents, virtual time"
storm "$agents agents, by the clock" -real
