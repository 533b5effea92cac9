# 10000 reconnects over sockets: goroutines, descriptors and memory stay what they were
export FIELDPOST_RECONNECTS=${count:-10000} FIELDPOST_TABLE=$table
run "${count:-10000} reconnects" go test ./uplink -run '^TestReconnectsLeaveNothingBehind$' -v -count 1 -timeout 24h "${more[@]}"
