# bash completion for agent
# Made from the table of commands by go generate ./cmd/agent; changes here are lost.

_fieldpost_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_fieldpost() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} name= words= i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$name ${COMP_WORDS[i]}" in
		' bundle'|'bundle show'|' check'|' commands'|'commands help'|'commands run'|' demo'|' fsck'|' log'|' loglevel'|' probe'|' provision'|' queue'|'queue stat'|'queue peek'|'queue export'|'queue flush'|'queue dead'|'queue dead list'|'queue dead show'|'queue dead retry'|'queue dead drop'|' run'|' selftest'|' sensors'|'sensors read'|' status'|' tail'|' top'|' version')
			name=${name:+$name }${COMP_WORDS[i]}
			;;
		esac
	done
	case "$name $prev" in
	'bundle --config'|'bundle --o'|'bundle --socket'|'check --config'|'commands --socket'|'commands --store'|'commands help --config'|'commands help --socket'|'commands run --socket'|'demo --keep'|'fsck --salvage'|'fsck --store'|'log --socket'|'loglevel --socket'|'probe --bus'|'probe --config'|'probe --socket'|'provision --from'|'provision --to'|'queue --socket'|'queue stat --socket'|'queue peek --socket'|'queue export --socket'|'queue flush --socket'|'queue dead --socket'|'queue dead list --socket'|'queue dead show --socket'|'queue dead retry --socket'|'queue dead drop --socket'|'run --config'|'run --provisioned'|'selftest --config'|'selftest --socket'|'sensors --socket'|'sensors read --config'|'sensors read --socket'|'status --socket'|'tail --socket'|'top --socket')
		_fieldpost_files "$cur"
		return
		;;
	'log --level')
		mapfile -t COMPREPLY < <(compgen -W 'debug info warn error' -- "$cur")
		return
		;;
	'queue peek --class')
		mapfile -t COMPREPLY < <(compgen -W 'alarm result telemetry debug' -- "$cur")
		return
		;;
	'tail --types')
		mapfile -t COMPREPLY < <(compgen -W 'reading settled command link sensor part queue' -- "$cur")
		return
		;;
	'bundle show --file'|'commands run --args'|'commands run --id'|'commands run --within'|'demo --duration'|'demo --seed'|'log --n'|'loglevel --for'|'provision --extra'|'queue peek --n'|'selftest --outputs'|'tail --sensor'|'top --every')
		return
		;;
	esac
	case $name in
	'bundle show')
		if [[ $cur != -* ]]; then
			_fieldpost_files "$cur"
			return
		fi
		;;
	esac
	case $name in
	'') words='bundle check commands demo fsck log loglevel probe provision queue run selftest sensors status tail top version help' ;;
	'bundle') words='show --config --o --socket --help' ;;
	'bundle show') words='--file --help' ;;
	'check') words='--config --defaults --help' ;;
	'commands') words='help run --json --socket --store --help' ;;
	'commands help') words='--config --json --socket --help' ;;
	'commands run') words='--args --id --json --socket --within --help' ;;
	'demo') words='--duration --json --keep --seed --verbose --help' ;;
	'fsck') words='--json --salvage --store --help' ;;
	'log') words='--f --level --n --socket --help' ;;
	'loglevel') words='debug info warn error --for --json --socket --help' ;;
	'probe') words='--bus --config --json --socket --help' ;;
	'provision') words='--check --extra --from --to --help' ;;
	'queue') words='stat peek export flush dead --json --socket --help' ;;
	'queue stat') words='--json --socket --help' ;;
	'queue peek') words='--class --json --n --socket --help' ;;
	'queue export') words='--socket --help' ;;
	'queue flush') words='--json --socket --help' ;;
	'queue dead') words='list show retry drop --json --socket --help' ;;
	'queue dead list') words='--json --socket --help' ;;
	'queue dead show') words='--json --socket --help' ;;
	'queue dead retry') words='--all --json --socket --help' ;;
	'queue dead drop') words='--all --json --socket --help' ;;
	'run') words='--config --provisioned --help' ;;
	'selftest') words='--config --json --outputs --socket --help' ;;
	'sensors') words='read --json --socket --help' ;;
	'sensors read') words='--config --json --socket --help' ;;
	'status') words='--json --socket --help' ;;
	'tail') words='--json --sensor --socket --types --help' ;;
	'top') words='--every --once --socket --help' ;;
	'version') words='--help' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _fieldpost agent fieldpost
