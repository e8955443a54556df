# Who uses the processors during an upload. All in hundredths of a second.
# shellcheck shell=bash disable=SC2154

# tree_ticks PID prints the CPU time of a process and of all that it has started.
tree_ticks() {
	local pid=$1 stat children child sum
	{ stat=$(<"/proc/$pid/stat"); } 2>/dev/null || { echo 0; return; }
	read -ra stat <<<"${stat##*) }"
	sum=$((stat[11] + stat[12] + stat[13] + stat[14]))
	mapfile -t children < <(cat "/proc/$pid"/task/*/children 2>/dev/null | tr ' ' '\n' | grep .)
	for child in "${children[@]}"; do
		sum=$((sum + $(tree_ticks "$child")))
	done
	echo $sum
}

# children_ticks prints the CPU time of the commands that this script has run.
children_ticks() {
	local stat
	stat=$(<"/proc/$$/stat")
	read -ra stat <<<"${stat##*) }"
	echo $((stat[13] + stat[14]))
}

# busy_ticks prints how long all processors were busy, with anything.
busy_ticks() { awk '/^cpu /{print $2+$3+$4+$7+$8; exit}' /proc/stat; }
