# random operations against a model of the queue, 5000 seeds
export FIELDPOST_MODEL_SEEDS=${count:-5000}
run "model test" go test ./store -run '^TestModel$' -v -count 1 -timeout 24h "${more[@]}"
ran=$(grep -ao '[0-9]* seeds' "$log" | tail -n 1 || true)
echo "model test: $ran" >>"$table"
if [ "$ran" != "$FIELDPOST_MODEL_SEEDS seeds" ]; then
	echo "the model test does not say that it used $FIELDPOST_MODEL_SEEDS seeds" | tee -a "$log"
	failed=1
fi
