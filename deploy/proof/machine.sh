#!/bin/bash
# What scripts/proof.sh package-install does inside of a machine under systemd that
# has /proof/old.deb and /proof/new.deb: stage 1 at its first boot, ended by a reboot
# that a command asks for; stage 2 at the next one. Each line it prints begins with
# PASS, FAIL or STAGE.
set -u
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
state=/var/lib/fieldpost
failed=0

# holds TEXT COMMAND...: the command must succeed within two minutes.
holds() {
	local text=$1 tries
	shift
	for ((tries = 0; tries < 120; tries++)); do
		if "$@" >/tmp/said 2>&1; then
			echo "PASS $text"
			return
		fi
		sleep 1
	done
	echo "FAIL $text: $(tail -n 3 /tmp/said | tr '\n' ' ')"
	failed=1
}

# is TEXT GOT WANT
is() {
	if [ "$2" = "$3" ]; then
		echo "PASS $1"
	else
		echo "FAIL $1: $2, not $3"
		failed=1
	fi
}

# says WORD COMMAND...: its output, or its complaint, has the word.
says() {
	local word=$1
	shift
	"$@" 2>&1 | grep -q -e "$word"
}

# install NAME: as on a gateway without somebody to ask.
install() { dpkg --force-confold -i "/proof/$1.deb" >/tmp/dpkg 2>&1 </dev/null || tail -n 5 /tmp/dpkg; }
answers() { fieldpost status --json | grep -q '"chain"'; }
version() { fieldpost status --json | sed -n 's/.*"version": *"\([^"]*\)".*/\1/p' | head -n 1; }
runs() { says "\"version\": *\"$1" fieldpost status --json; }
queued() { [ "$(fieldpost queue export 2>/dev/null | wc -l)" -ge "$1" ]; }
ids() { fieldpost queue export 2>/dev/null | grep -o '^{"message_id":"[^"]*"' | sort; }
# none_missing FILE: every id in it is queued.
none_missing() { [ -s "$1" ] && [ -z "$(comm -23 "$1" <(ids))" ]; }
storeof() { grep -o '[0-9a-f]\{16\}' $state/identity | head -n 1; }
main() { systemctl show -p MainPID --value fieldpost; }

# kept TEXT COMMAND...: afterwards every record that was queued before is queued still,
# in the same store.
kept() {
	local text=$1 store
	shift
	ids >/tmp/before
	store=$(storeof)
	"$@"
	holds "$text: the agent answers" answers
	holds "$text: every queued record is there, of $(wc -l </tmp/before)" none_missing /tmp/before
	is "$text: the same store" "$(storeof)" "$store"
}

configure() {
	cat >/etc/fieldpost/agent.toml <<-'END'
		version = 1
		[hub]
		connection_string_file = "/etc/fieldpost/keys/connection-string"
		[commands]
		allow_local = ["ping", "board.reboot", "queue.flush"]
		[[sensor]]
		name = "host"
		source = "host"
		every = "2s"
		[[sensor]]
		name = "meter"
		source = "command"
		program = ["/usr/local/bin/meter"]
		every = "30s"
	END
	printf '#!/bin/sh\necho "{\\"level\\": 1.5, \\"uid\\": $(id -u)}"\n' >/usr/local/bin/meter
	chmod 755 /usr/local/bin/meter
	systemctl restart fieldpost
}

key() {
	printf 'HostName=hub.invalid;DeviceId=gw1;SharedAccessKey=bm90IGEga2V5IG9mIGFueWJvZHk=\n' >/etc/fieldpost/keys/connection-string
	chmod 600 /etc/fieldpost/keys/connection-string
}

# odd_keys: what systemd cannot hand over keeps neither the agent nor its keys down.
odd_keys() {
	local keys=/etc/fieldpost/keys name
	printf x >$keys/schlüssel.pem
	printf x >$keys/a:b
	head -c 1100000 /dev/zero >$keys/big
	printf x >/root/linked
	ln -s /root/linked $keys/linked.pem
	holds 'odd keys: a linked one is handed over' test -s /run/credentials/fieldpost.service/keys_linked.pem
	holds 'odd keys: the agent has its own' says hub.invalid fieldpost status --json
	for name in schlüssel.pem a:b big; do
		holds "odd keys: the log of the agent tells of $name" says "$keys/$name was not handed to the agent" journalctl -b -u fieldpost -o cat
	done
	is 'odd keys: every start was the first one' "$(systemctl show -p NRestarts --value fieldpost)" 0
	holds 'odd keys: nobody else reads the copies' bash -c '[ -e /run/fieldpost-keys/linked.pem ] && ! runuser -u fieldpost -- ls /run/fieldpost-keys'
	rm $keys/schlüssel.pem $keys/a:b $keys/big $keys/linked.pem
}

stage1() {
	useradd -m tech

	install old
	is 'install: dpkg is content' "$(dpkg-query -W -f '${db:Status-Abbrev}' fieldpost)" 'ii '
	holds 'install: systemd calls it active' systemctl is-active fieldpost
	holds 'install: the agent answers' answers
	is 'install: systemd waits for its word' "$(systemctl show -p Type --value fieldpost)" notify
	holds 'install: and hears how it is' says '=[a-z]' systemctl show -p StatusText fieldpost
	holds 'install: enabled for the next boot' systemctl is-enabled fieldpost
	is 'install: nothing is logged as an error' "$(journalctl -b -p err -u fieldpost -o cat)" ''
	holds 'install: agent is another name' says ' board ' agent status
	holds 'install: the manual page has both names' test -e /usr/share/man/man1/agent.1.gz -a -e /usr/share/man/man1/fieldpost.1.gz
	holds 'install: the host is sampled as it comes' says '"host"' fieldpost sensors --json
	holds 'keys: status names the file that is missing' says /etc/fieldpost/keys/connection-string fieldpost status
	holds 'keys: check finds nothing else' bash -c '[ "$(fieldpost check 2>&1 | grep -vc ^hint:)" = 1 ]'
	holds 'rights: others may not ask' bash -c '! runuser -u tech -- fieldpost status 2>&1 | grep -q ' board ''
	usermod -aG fieldpost tech
	holds 'rights: a technician may look' says ' board ' runuser -u tech -- fieldpost status
	holds 'rights: and not change' says 'may look and not change' runuser -u tech -- fieldpost queue flush
	holds 'rights: root may' fieldpost queue flush
	is 'sandbox: user' "$(stat -c %U "/proc/$(main)")" fieldpost
	is 'sandbox: capabilities' "$(awk '/^CapEff|^CapBnd/ { print $2 }' "/proc/$(main)/status" | sort -u)" 0000000000000000
	is 'sandbox: no new privileges, system calls filtered' "$(awk '/^NoNewPrivs|^Seccomp:/ { print $2 }' "/proc/$(main)/status" | tr '\n' ' ')" '1 2 '
	is 'sandbox: groups' "$(id -nG fieldpost | tr ' ' '\n' | sort | tr '\n' ' ')" 'dialout fieldpost gpio i2c spi '

	configure
	holds 'readings are queued' queued 10
	holds 'a program of source command is run' says '"level"' fieldpost sensors --json
	holds 'and as the agent' says "\"uid\":$(id -u fieldpost)[,}]" fieldpost queue export

	key
	holds 'keys: what is put in place is handed over by itself' says hub.invalid fieldpost status --json
	holds 'keys: the agent could not read the file itself' bash -c '! runuser -u fieldpost -- cat /etc/fieldpost/keys/connection-string'
	holds 'keys: systemd keeps it for the agent' test -s /run/credentials/fieldpost.service/keys_connection-string
	holds 'keys: nor can a technician' bash -c '! runuser -u tech -- cat /run/credentials/fieldpost.service/keys_connection-string'

	before=$(version)
	pid=$(main)
	kept 'a question that nobody answers' eval '! dpkg -i /proof/new.deb >/tmp/dpkg 2>&1 </dev/null'
	is 'a question that nobody answers: it was that of the configuration' "$(grep -c 'end of file on stdin at conffile prompt' /tmp/dpkg)" 1
	is 'a question that nobody answers: the agent goes on' "$(main)" "$pid"
	kept upgrade dpkg --force-confold --configure -a
	holds 'upgrade: the new version runs' bash -c "[ \"$before\" != '' ] && ! fieldpost status --json | grep -q '\"version\": *\"$before\"'"
	is 'upgrade: the changed configuration stays' "$(grep -c meter /etc/fieldpost/agent.toml)" 2
	holds 'upgrade: the newer example is beside it' grep -q 'newer package' /etc/fieldpost/agent.toml.dpkg-dist
	kept downgrade install old
	holds 'downgrade: the old version runs' runs "$before"

	pid=$(main)
	kill -9 "$pid"
	holds 'killed: started again' bash -c "pid=\$(systemctl show -p MainPID --value fieldpost); [ \$pid != 0 ] && [ \$pid != $pid ] && fieldpost status --json | grep -q chain"
	mkdir -p /run/systemd/system/fieldpost.service.d
	printf '[Service]\nWatchdogSec=10s\n' >/run/systemd/system/fieldpost.service.d/proof.conf
	systemctl daemon-reload
	systemctl restart fieldpost
	pid=$(main)
	kill -STOP "$pid"
	holds 'hung: the watchdog starts it again' bash -c "pid=\$(systemctl show -p MainPID --value fieldpost); [ \$pid != 0 ] && [ \$pid != $pid ] && fieldpost status --json | grep -q chain"
	holds 'hung: by the word of systemd' says 'Watchdog timeout' journalctl -b -u fieldpost -o cat
	rm -r /run/systemd/system/fieldpost.service.d
	systemctl daemon-reload

	systemctl stop fieldpost
	install new
	is 'an upgrade leaves stopped what was stopped' "$(systemctl is-active fieldpost)" inactive
	systemctl start fieldpost

	odd_keys

	rm -r /etc/fieldpost/keys
	kept 'without the folder of keys' systemctl restart fieldpost
	systemd-tmpfiles --create fieldpost.conf
	key
	holds 'keys: the folder that came back is looked after' says hub.invalid fieldpost status --json

	kept 'remove and install' eval 'dpkg -r fieldpost >/tmp/dpkg 2>&1; removed; install new'

	holds 'purge: dpkg is content' dpkg -P fieldpost
	is 'purge: queue, identity, keys and configuration are gone' "$(ls -d $state /etc/fieldpost /usr/bin/agent /usr/bin/fieldpost /etc/systemd/system/multi-user.target.wants/fieldpost* 2>/dev/null)" ''
	is 'purge: the user stays' "$(id -un fieldpost)" fieldpost

	install new
	configure
	holds 'install after a purge: the agent answers' answers
	holds 'install after a purge: readings are queued' queued 3
	fieldpost queue flush >/dev/null
	ids >/proof/ids
	cat /proc/sys/kernel/random/boot_id >/proof/boot
	[ $failed = 0 ] || journalctl -b -u fieldpost -o short-precise --no-pager | tail -n 60
	echo "STAGE 1 ends, failed $failed"
	sync
	touch /proof/second
	fieldpost commands run board.reboot 2>&1 | sed 's/^/said: /'
	sleep 120
	echo 'FAIL board.reboot: the machine is still there'
	journalctl -b -u fieldpost --no-pager | tail -n 20
	systemctl poweroff
}

removed() {
	is 'remove: nothing runs' "$(systemctl is-active fieldpost)" inactive
	is 'remove: no copy of a key stays' "$(ls -d /run/fieldpost-keys 2>/dev/null)" ''
	is 'remove: queue, keys and configuration stay' "$(ls -d $state/queue.db /etc/fieldpost/agent.toml /etc/fieldpost/keys/connection-string 2>/dev/null | wc -l)" 3
	is 'remove: the other name is gone' "$(ls /usr/bin/agent 2>/dev/null)" ''
}

stage2() {
	holds 'boot: the agent runs by itself' answers
	is 'boot: it is another boot' "$(cmp -s /proof/boot /proc/sys/kernel/random/boot_id || echo other)" other
	holds 'boot: board.reboot has its result' says 'done.*true' fieldpost queue export
	holds 'boot: every queued record is there' none_missing /proof/ids
	[ $failed = 0 ] || journalctl -b -u fieldpost --no-pager | tail -n 60
	echo "STAGE 2 ends, failed $failed"
	systemctl poweroff
}

echo "STAGE on $(. /etc/os-release && echo "$PRETTY_NAME"), $(systemctl --version | head -n 1)"
if [ -e /proof/second ]; then stage2; else stage1; fi
