# wan: a server that is far away: one long read, the first bytes, and random reads.
# shellcheck shell=bash disable=SC2154

job_wan() {
	local round peer peers
	mapfile -t peers < <(selected visorfs visorfs-cache rclone-off rclone-tuned rclone-full)
	for ((round = 1; round <= N; round++)); do
		say "wan, round $round of $N"
		wan_controls || continue
		for peer in "${peers[@]}"; do
			wan_seq "$peer"
			wan_first "$peer"
			wan_rand "$peer"
		done
	done
	unmount_all
}

wan_url=http://127.0.0.1:$WAN_PLAIN_PORT/wan.img

# wan_seq_put PEER MICROSECONDS
wan_seq_put() {
	put "wan, sequential" "$1" seconds "$(calc "$2/1e6")"
	put "wan, sequential" "$1" "share of the link" "$(calc "$WAN_SIZE/($2/1e6)/($WAN_LINK*1e6)")"
}

wan_controls() {
	timed curl -sf -o /dev/null "$wan_url" || return 1
	wan_seq_put curl "$took"
	ranges 8 >"$RUN/ranges"
	timed xargs -a "$RUN/ranges" -P 8 -I '{}' curl -sf -o /dev/null -r '{}' "$wan_url" || return 1
	wan_seq_put "curl, 8 ranges at once" "$took"
	timed "$BIN/probe" firsthttp "$wan_url" || return 1
	first_bare=$(cat "$RUN/out")
	put "wan, first 4 KiB" "bare request" ms "$(calc "$first_bare/1000")"
	bare_rand "$wan_url" "$WAN_SIZE" 65536 8 "$SECONDS_RAND" || return 1
	bare_iops=$iops
	wan_rand_put "bare requests"
}

# ranges N prints the image's parts, a line each.
ranges() {
	local i part=$(((WAN_SIZE + $1 - 1) / $1))
	for ((i = 0; i < $1; i++)); do
		echo "$((i * part))-$(((i + 1) * part - 1))"
	done
}

wan_seq() {
	local ticks
	mount_peer "$1" wan.img wan || return 0
	ticks=$(cpu_ticks)
	timed dd if="$file" of=/dev/null bs=1M || return 0
	wan_seq_put "$1" "$took"
	put "wan, sequential" "$1" "CPU s/GiB" "$(calc "($(cpu_ticks)-$ticks)/100/($WAN_SIZE/1073741824)")"
	put "wan, sequential" "$1" "VmHWM MiB" "$(status_mib VmHWM)"
}

wan_first() {
	mount_peer "$1" wan.img wan || return 0
	timed "$BIN/probe" first "$file" || return 0
	put "wan, first 4 KiB" "$1" ms "$(calc "$(cat "$RUN/out")/1000")"
	put "wan, first 4 KiB" "$1" "ratio to bare request" "$(calc "$first_bare/$(cat "$RUN/out")")"
}

wan_rand() {
	count_from_here
	mount_peer "$1" wan.img wan || return 0
	fio_rand 64k 8 || return 0
	wan_rand_put "$1"
	put "wan, random 64 KiB, 8 readers" "$1" "ratio to bare requests" "$(calc "$iops/$bare_iops")"
	unmount_all
	put "wan, random 64 KiB, 8 readers" "$1" "bytes fetched per byte read" "$(calc "$(bytes_sent)/($iops*$SECONDS_RAND*65536)")"
}

wan_rand_put() {
	put "wan, random 64 KiB, 8 readers" "$1" IOPS "$iops"
	put "wan, random 64 KiB, 8 readers" "$1" "p50 ms" "$(calc "$p50/1000")"
	put "wan, random 64 KiB, 8 readers" "$1" "p99 ms" "$(calc "$p99/1000")"
}
