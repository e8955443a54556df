# shared: eight readers of one image that nobody has read yet.
# shellcheck shell=bash disable=SC2154

job_shared() {
	local round peer
	for ((round = 1; round <= N; round++)); do
		say "shared, round $round of $N"
		for peer in $(selected visorfs rclone-off rclone-full nbdfuse); do
			# rclone fetches eight times as much: once shows it.
			[ "$peer" != rclone-off ] || [ "$round" -eq 1 ] || continue
			shared_one "$peer"
		done
	done
	unmount_all
}

shared_one() {
	local peer=$1
	count_from_here
	mount_peer "$peer" data.img logged || return 0
	timed xargs -a <(printf '%s\n' {1..8}) -P 8 -I '{}' dd if="$file" of=/dev/null bs=1M status=none || return 0
	put shared "$peer" "seconds" "$(calc "$took/1e6")"
	put shared "$peer" "MiB/s, all readers" "$(calc "8*$SIZE_MB/($took/1e6)")"
	unmount_all
	put shared "$peer" "bytes fetched / size" "$(calc "$(bytes_sent)/$SIZE")"
	put shared "$peer" "requests" "$(requests_sent)"
}
