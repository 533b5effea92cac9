# Qpid Proton's client for Python.

# proton_judge TEXT PROGRAM ARGUMENT...
proton_judge() {
	local text=$1 program=$2
	shift 2
	if [ -n "$proton_without" ]; then
		skip "$text: $proton_without"
	else
		checks "$text" "$python" "interop/proton/$program.py" "$work/hub.json" "$work/ca.pem" "$@"
	fi
}

proton_without=''
if proton_version=$("$python" -c 'import proton; print(".".join(map(str, proton.VERSION)))' 2>/dev/null); then
	echo "--- Qpid Proton $proton_version"
else
	proton_without='/usr/bin/python3 has no proton (Debian: python3-qpid-proton)'
	echo '--- Qpid Proton'
fi

start_hub_anywhere
record_wire
for login in plain cbs; do
	proton_judge "Proton, $login: device" device gateway-1 "$login"
	proton_judge "Proton, $login: events" events gateway-1 "$login"
done
judge_wire "$proton_without" 'the wire of Proton' --unused end

start_hub_anywhere
record_wire
proton_judge 'Proton: large messages' large gateway-1
judge_wire "$proton_without" 'the wire of large messages of Proton' --several-transfers --damage --unused end --unused detach
