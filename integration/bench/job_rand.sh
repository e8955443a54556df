# rand: random reads of 4 KiB, cold, with one reader and with eight.
# shellcheck shell=bash disable=SC2154

job_rand() {
	local round peer readers
	for ((round = 1; round <= N; round++)); do
		say "rand, round $round of $N"
		for readers in 1 8; do
			for peer in $(selected visorfs visorfs-nosum visorfs-cache rclone-off nbdfuse sshfs); do
				rand_control $readers || continue
				mount_peer "$peer" data.img || continue
				fio_rand 4k $readers || continue
				put "rand 4k, $readers readers" "$peer" IOPS "$iops"
				put "rand 4k, $readers readers" "$peer" "p50 µs" "$p50"
				put "rand 4k, $readers readers" "$peer" "p99 µs" "$p99"
				put "rand 4k, $readers readers" "$peer" "ratio to bare requests" "$(calc "$iops/$bare_iops")"
				put "rand 4k, $readers readers" "$peer" "CPU µs per read" "$(calc "$(cpu_ticks)*10000/($iops*$SECONDS_RAND)")"
			done
		done
	done
	unmount_all
}

# rand_control is short: it comes before each peer, so that load from elsewhere meets both.
rand_control() {
	bare_rand "$PLAIN/data.img" "$SIZE" 4096 "$1" $(((SECONDS_RAND + 1) / 2)) || return 1
	bare_iops=$iops
	bare_iops=$iops
	put "rand 4k, $1 readers" "bare requests" IOPS "$iops"
	put "rand 4k, $1 readers" "bare requests" "p50 µs" "$p50"
	put "rand 4k, $1 readers" "bare requests" "p99 µs" "$p99"
}
