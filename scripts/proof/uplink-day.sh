# 200 days of a line that comes and goes, in virtual time: nothing lost, no storm, always back
export FIELDPOST_DAY_SEEDS=${count:-200} FIELDPOST_TABLE=$table
run "${count:-200} days" go test ./uplink -run '^TestDayOfAFlappingLink$' -v -count 1 -timeout 24h "${more[@]}"
ran=$(grep -ao '[0-9]* days$' "$log" | tail -n 1 || true)
if [ "$ran" != "$FIELDPOST_DAY_SEEDS days" ]; then
	echo "the test does not say that it lived $FIELDPOST_DAY_SEEDS days" | tee -a "$log"
	failed=1
fi
