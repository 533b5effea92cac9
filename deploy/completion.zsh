#compdef agent fieldpost
# Made from the table of commands by go generate ./cmd/agent; changes here are lost.

local name= word
local -a offers
for word in ${words[2,CURRENT-1]}; do
	case "$name $word" in
	(' bundle'|'bundle show'|' check'|' commands'|'commands help'|'commands run'|' demo'|' fsck'|' log'|' loglevel'|' probe'|' provision'|' queue'|'queue stat'|'queue peek'|'queue export'|'queue flush'|'queue dead'|'queue dead list'|'queue dead show'|'queue dead retry'|'queue dead drop'|' run'|' selftest'|' sensors'|'sensors read'|' status'|' tail'|' top'|' version') name=${name:+$name }$word ;;
	esac
done
case "$name ${words[CURRENT-1]}" in
('bundle --config'|'bundle --o'|'bundle --socket'|'check --config'|'commands --socket'|'commands --store'|'commands help --config'|'commands help --socket'|'commands run --socket'|'demo --keep'|'fsck --salvage'|'fsck --store'|'log --socket'|'loglevel --socket'|'probe --bus'|'probe --config'|'probe --socket'|'provision --from'|'provision --to'|'queue --socket'|'queue stat --socket'|'queue peek --socket'|'queue export --socket'|'queue flush --socket'|'queue dead --socket'|'queue dead list --socket'|'queue dead show --socket'|'queue dead retry --socket'|'queue dead drop --socket'|'run --config'|'run --provisioned'|'selftest --config'|'selftest --socket'|'sensors --socket'|'sensors read --config'|'sensors read --socket'|'status --socket'|'tail --socket'|'top --socket') _files; return ;;
('log --level') compadd debug info warn error; return ;;
('queue peek --class') compadd alarm result telemetry debug; return ;;
('tail --types') compadd reading settled command link sensor part queue; return ;;
('bundle show --file'|'commands run --args'|'commands run --id'|'commands run --within'|'demo --duration'|'demo --seed'|'log --n'|'loglevel --for'|'provision --extra'|'queue peek --n'|'selftest --outputs'|'tail --sensor'|'top --every') _message value; return ;;
esac
case $name in
('bundle show') [[ $PREFIX == -* ]] || { _files; return } ;;
esac
case $name in
('') offers=('bundle:gather all there is to know into one file, for somebody far away; show what such a file says' 'check:tell every fault of a configuration and of the files it names' 'commands:show the commands the agent got and what became of them; tell what there is; run one here' 'demo:show the whole thing against a hub on this machine; no hardware, no cloud' 'fsck:look at the store of an agent that does not run: what is there, what is damaged' 'log:show the end of the agent'\''s log' 'loglevel:show or set the least level that is logged' 'probe:look for buses and the parts on them, and write the configuration for what is found' 'provision:take configuration and credentials from a boot partition, check them, and wipe them there' 'queue:show what waits, what died and what was lost; look inside, and decide about dead letters' 'run:sample, queue, drain and obey, until stopped' 'selftest:try buses, sensors, disk, clock, the way to the hub and the whole chain' 'sensors:list the sensors and what they said last' 'status:ask the running agent what is wrong' 'tail:show what happens, line by line: readings, settlements, commands, changes' 'top:watch the running agent, live, in any terminal' 'version:print the version') ;;
('bundle') offers=('show:tell what a bundle says, or print one file of it' '--config:configuration file, for when no agent runs' '--o:new file for it, readable by its owner only; - is the standard output; default fieldpost-DATE.tar.gz' '--socket:the agent'\''s path') ;;
('bundle show') offers=('--file:print the file of this name in it') ;;
('check') offers=('--config:configuration file' '--defaults:print a complete configuration with every key and its default') ;;
('commands') offers=('help:list the commands this agent knows, or tell all about one' 'run:carry out a command here, as the hub'\''s would be' '--json:print JSON' '--socket:the agent'\''s path' '--store:folder of a store whose agent does not run, in place of asking one') ;;
('commands help') offers=('--config:configuration file to go by when no agent answers' '--json:print JSON' '--socket:the agent'\''s path') ;;
('commands run') offers=('--args:arguments, a JSON object' '--id:text that makes two calls the same command; default: each is one of its own' '--json:print JSON' '--socket:the agent'\''s path' '--within:how long to wait for the outcome, 1s to 5m') ;;
('demo') offers=('--duration:how long to sample; longer when the steps need it' '--json:print JSON lines on stdout, the last one the summary' '--keep:keep queue, configuration and keys in this folder' '--seed:seed of the simulated environment' '--verbose:log what agent and hub do to stderr') ;;
('fsck') offers=('--json:print JSON' '--salvage:new file for every record that can still be read, one JSON object a line; - is the standard output' '--store:folder of the store, as in agent.state_dir; nothing in it is changed') ;;
('log') offers=('--f:go on with what is logged from now on' '--level:least level to show: debug, info, warn, error' '--n:how many lines of what was logged before' '--socket:the agent'\''s path') ;;
('loglevel') offers=('--for:time after which the configured level is set again, 1s to 24h; 0s is never' '--json:print JSON' '--socket:the agent'\''s path' 'debug' 'info' 'warn' 'error') ;;
('probe') offers=('--bus:look at this bus only, and at all of it however slow it is: a device file, or a name in the configuration' '--config:configuration file, for when no agent runs: what is in it is not offered again' '--json:print JSON' '--socket:the agent'\''s path') ;;
('provision') offers=('--check:judge the folder on any machine, as for a gateway that has nothing yet, and take and write nothing; --to is not looked at' '--extra:name of a file that no configuration needs to name, or name:N, of one with N characters at least, or name:N-M, with M at most; may be given again' '--from:folder with agent.toml and the files it names, or some of them' '--to:folder that keeps them, for agent run --provisioned') ;;
('queue') offers=('stat:count what waits, what died and what was lost; plain agent queue does the same' 'peek:show the records that are drained next, and leave them there' 'export:print every queued record as one JSON object a line, and leave them there' 'flush:write what is in memory to disk now' 'dead:list, show, retry or drop what the hub refused; alone it lists' '--json:print JSON' '--socket:the agent'\''s path') ;;
('queue stat') offers=('--json:print JSON' '--socket:the agent'\''s path') ;;
('queue peek') offers=('--class:only records of this class: alarm, result, telemetry, debug' '--json:print JSON' '--n:how many, at most 100' '--socket:the agent'\''s path') ;;
('queue export') offers=('--socket:the agent'\''s path') ;;
('queue flush') offers=('--json:print JSON' '--socket:the agent'\''s path') ;;
('queue dead') offers=('list:list the records that the hub refused for themselves, with its words' 'show:print one dead letter whole' 'retry:queue dead letters again, under the ids they have' 'drop:give dead letters up; the loss ledger counts them' '--json:print JSON' '--socket:the agent'\''s path') ;;
('queue dead list') offers=('--json:print JSON' '--socket:the agent'\''s path') ;;
('queue dead show') offers=('--json:print JSON' '--socket:the agent'\''s path') ;;
('queue dead retry') offers=('--all:every dead letter there is' '--json:print JSON' '--socket:the agent'\''s path') ;;
('queue dead drop') offers=('--all:every dead letter there is' '--json:print JSON' '--socket:the agent'\''s path') ;;
('run') offers=('--config:configuration file' '--provisioned:run what agent provision has put into this folder; until then, the configuration at --config') ;;
('selftest') offers=('--config:configuration file' '--json:print JSON' '--outputs:comma-separated names of outputs to SWITCH: each leaves its safe level for half a second, or for its least time; a running agent does it, by output.pulse, which stands in its journal' '--socket:the agent'\''s path; default: as agent.socket says') ;;
('sensors') offers=('read:take a sample of one sensor now, by the running agent or, without one, by this program' '--json:print JSON' '--socket:the agent'\''s path') ;;
('sensors read') offers=('--config:configuration file, for when no agent runs' '--json:print JSON' '--socket:the agent'\''s path') ;;
('status') offers=('--json:print JSON' '--socket:the agent'\''s path') ;;
('tail') offers=('--json:print JSON' '--sensor:only what is about the sensor of this name' '--socket:the agent'\''s path' '--types:types of events to show, of reading,settled,command,link,sensor,part,queue') ;;
('top') offers=('--every:time between two looks, at least 200ms' '--once:print one frame and end, as when the output is no terminal' '--socket:the agent'\''s path') ;;
('version') offers=() ;;
esac
_describe agent offers
