# agent top in a real terminal: its screens at three sizes, an agent that dies and returns, and a terminal as it was
need tmux tmux

# watch FOLDER EXPECTED: one session in tmux. Screens are compared with EXPECTED/*.txt,
# figures and histories masked; UPDATE=1 writes those anew.
watch() {
	local folder=$1 expected=$2 agent_pid= before
	local tm=(tmux -L "fieldpost-$$" -f /dev/null)
	CGO_ENABLED=0 go build -o "$folder/agent" ./cmd/agent
	printf '%s\n' 'version = 1' '[agent]' "state_dir = \"$folder/state\"" "socket = \"$folder/s\"" \
		'[hub]' "connection_string_file = \"$folder/key\"" >"$folder/agent.toml"
	for name in room attic cellar; do
		printf '[[sensor]]\nname = "%s"\nsource = "simulated"\nevery = "1s"\n' $name >>"$folder/agent.toml"
	done
	start() {
		"$folder/agent" run --config "$folder/agent.toml" 2>>"$folder/agent.log" &
		agent_pid=$!
	}
	# shellcheck disable=SC2329
	end() {
		"${tm[@]}" kill-server 2>/dev/null || true
		kill "$agent_pid" 2>/dev/null || true
	}
	trap end EXIT
	trap 'exit 143' TERM
	wrong=0
	step() { printf '%-52s %s\n' "$1" "$2" >>"$table"; }
	judge() { # TITLE CONDITION...: a row of the table
		local title=$1
		shift
		if "$@"; then step "$title" ok; else step "$title" WRONG; wrong=1; fi
	}
	screen() { "${tm[@]}" capture-pane -p -t p; }
	shows() { screen | grep -qF -- "$1"; }
	until_shows() {
		for _ in $(seq 600); do
			shows "$1" && return
			sleep 0.1
		done
		echo "never shown: $1"
		screen
		return 1
	}
	mask() {
		sed -E -e 's/[▁▂▃▄▅▆▇█]+/~/g' -e 's|/tmp/[^ ]*/|/|g' -e "s|$folder/||g" -e 's/-?[0-9]+([.:-][0-9]+)*/N/g' \
			-e 's/N min( N s)?|N h( N min)?/N s/g' -e 's/ +/ /g' -e 's/ $//' \
			-e 's/the agent restarted N s ago //' -e 's/unnamed,.*/unnamed/'
	}
	same() {
		screen | mask >"$folder/got"
		[ -z "${UPDATE-}" ] || cp "$folder/got" "$expected/$1.txt"
		diff -u "$expected/$1.txt" "$folder/got"
	}
	screen_lines() { [ "$(screen | grep -c .)" -le "$1" ] && [ "$(screen | LC_ALL=C.UTF-8 wc -L)" -le "$2" ]; }
	# back TITLE: the shell has its screen, its cursor and its modes again.
	back() {
		until_shows 'RETURNED'
		judge "$1: the shell's screen is there" shows 'BEFORE-TOP'
		judge "$1: nothing of the view is" eval '! shows SENSOR'
		judge "$1: cursor visible, first screen" test "$("${tm[@]}" display -p -t p '#{cursor_flag}#{alternate_on}')" = 10
		judge "$1: stty as before" test "$("${tm[@]}" display -p -t p '#{pane_tty}' | xargs -I@ stty -a -F @ | sed 's/rows.*line/line/')" = "$before"
		"${tm[@]}" send-keys -t p 'clear; echo BEFORE-TOP' Enter
		until_shows 'BEFORE-TOP'
	}
	look() { "${tm[@]}" send-keys -t p "$folder/agent top --socket $folder/s; echo RETURN\"ED\"" Enter; }

	start
	LC_ALL=C.UTF-8 "${tm[@]}" -u new-session -d -s p -x 80 -y 24 "env -u TMUX LC_ALL=C.UTF-8 PS1='% ' sh"
	"${tm[@]}" set -g status off
	"${tm[@]}" resize-window -t p -x 80 -y 24
	"${tm[@]}" send-keys -t p 'clear; echo BEFORE-TOP' Enter
	until_shows 'BEFORE-TOP'
	before=$("${tm[@]}" display -p -t p '#{pane_tty}' | xargs -I@ stty -a -F @ | sed 's/rows.*line/line/')

	look
	until_shows 'cellar'
	until_shows 'stored'
	sleep 3 # a history of a few samples
	judge '80x24' same 80x24
	judge '80x24: as asked by the window' screen_lines 24 80
	"${tm[@]}" resize-window -t p -x 120 -y 40
	until_shows 'HISTORY'
	sleep 1.5
	judge '120x40, after a resize' same 120x40
	"${tm[@]}" resize-window -t p -x 40 -y 10
	sleep 1.5
	judge '40x10, after a resize' same 40x10
	"${tm[@]}" send-keys -t p NPage
	until_shows 'of 9  q quit'
	"${tm[@]}" resize-window -t p -x 12 -y 3
	sleep 1.5
	judge '12x3' same 12x3
	"${tm[@]}" resize-window -t p -x 80 -y 24
	until_shows 'HISTORY'

	kill -KILL "$agent_pid" && wait "$agent_pid" || true
	until_shows 'NO ANSWER'
	judge 'the agent was killed' same dead
	start
	until_shows 'the agent restarted'
	judge 'the agent is back' shows 'cellar'

	"${tm[@]}" send-keys -t p p
	until_shows 'PAUSED'
	"${tm[@]}" send-keys -t p p '?'
	until_shows 'the first broken part is the one to mend'
	judge 'help' same help
	"${tm[@]}" send-keys -t p '?' q
	back 'q'
	look
	until_shows 'SENSOR'
	"${tm[@]}" send-keys -t p C-c
	back 'ctrl-C'
	for signal in TERM HUP INT QUIT; do
		look
		until_shows 'SENSOR'
		kill "-$signal" "$(pgrep -f "^$folder/agent top")"
		back "SIG$signal"
	done
	"${tm[@]}" send-keys -t p "$folder/agent top --socket $folder/s | cat; echo RETURN\"ED\"" Enter
	until_shows 'RETURNED'
	judge 'in a pipe: one frame, and the end' shows 'SENSOR'
	"${tm[@]}" send-keys -t p "clear; TERM=dumb $folder/agent top --socket $folder/s; echo DUMB\"LY\"" Enter
	until_shows 'DUMBLY'
	judge 'TERM=dumb: one frame, and the end' shows 'SENSOR'
	judge 'TERM=dumb: without colours' eval '! "${tm[@]}" capture-pane -e -p -t p | grep -q "$(printf "\033")"'
	[ "$wrong" = 0 ]
}

run 'agent top in tmux' watch "$scratch" "$PWD/scripts/proof/top-tmux"
