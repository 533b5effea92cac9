#!/bin/bash
# What scripts/proof.sh package-install does inside of a chroot without systemd, where
# /proof has old.deb and new.deb: what maintainer scripts and program can do there.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
state=/var/lib/fieldpost
failed=0

# holds TEXT COMMAND...
holds() {
	local text=$1
	shift
	if "$@" >/tmp/said 2>&1; then
		echo "PASS $text"
	else
		echo "FAIL $text: $(tail -n 3 /tmp/said | tr '\n' ' ')"
		failed=1
	fi
}

start() {
	install -d -o fieldpost -g fieldpost $state /run/fieldpost
	setpriv --reuid fieldpost --regid fieldpost --init-groups fieldpost run >/tmp/agent.log 2>&1 &
	pid=$!
	for ((tries = 0; tries < 60; tries++)); do
		fieldpost status --json 2>/dev/null | grep -q '"chain"' && return
		sleep 1
	done
	tail -n 5 /tmp/agent.log
	return 1
}

finish() {
	kill "$pid"
	wait "$pid"
}

holds 'install' dpkg -i /proof/old.deb
holds 'the program says its version' grep -q 0.0.1 <(fieldpost version)
holds 'agent is another name' agent version
holds 'the user is there' id fieldpost
holds 'enabled for the next boot' test -L /etc/systemd/system/multi-user.target.wants/fieldpost.service
holds 'it starts and answers' start
holds 'it stops' finish
identity=$(grep -o '[0-9a-f]\{16\}' $state/identity)
holds 'upgrade' dpkg -i /proof/new.deb
holds 'the unchanged example is the newer one' grep -q 'newer package' /etc/fieldpost/agent.toml
holds 'the new version' grep -q 0.0.2 <(fieldpost version)
holds 'it starts and answers after the upgrade' start
holds 'and stops' finish
holds 'the same store' grep -q "$identity" $state/identity
holds 'remove' dpkg -r fieldpost
holds 'the queue stays' test -e $state/queue.db -a -e /etc/fieldpost/agent.toml
holds 'purge' dpkg -P fieldpost
holds 'the queue is gone' test ! -e $state -a ! -e /etc/fieldpost
echo "STAGE chroot ends, failed $failed"
