# loop: the filesystem in an image, mounted over the far link: all names, then all data.
# rclone without its cache is left out: it needs many minutes.
# shellcheck shell=bash disable=SC2154

job_loop() {
	local round peer rounds=$((N < 3 ? N : 3))
	mkdir -p "$MNT/loop"
	for ((round = 1; round <= rounds; round++)); do
		say "loop, round $round of $rounds"
		loop_control || continue
		for peer in $(selected visorfs visorfs-cache rclone-full); do
			loop_one "$peer"
		done
	done
	unmount_all
}

# loop_control fetches the image whole, as somebody without a mount would.
loop_control() {
	timed curl -sf -o "$DATA/copy" "http://127.0.0.1:$WAN_PLAIN_PORT/loop.img" || return 1
	rm -f "$DATA/copy"
	put loop "curl of the whole image" "all s" "$(calc "$took/1e6")"
}

loop_one() {
	local peer=$1 all
	count_from_here
	mount_peer "$peer" loop.img wan || return 0
	timed losetup -f --show -r "$file" || return 0
	loop_device=$(cat "$RUN/out")
	all=$took
	timed mount -t ext4 -o ro,noload "$loop_device" "$MNT/loop" || return 0
	all=$((all + took))
	put loop "$peer" "mount s" "$(calc "$all/1e6")"
	timed find "$MNT/loop" -ls || return 0
	[ "$(grep -c '/f[0-9]*$' "$RUN/out")" = 10000 ] || say "WRONG: $peer shows other than 10000 files"
	all=$((all + took))
	put loop "$peer" "find s" "$(calc "$took/1e6")"
	# To a pipe: when it writes to /dev/null, tar does not read what is in the files.
	timed sh -c "tar cf - -C $MNT/loop . | wc -c" || return 0
	all=$((all + took))
	put loop "$peer" "tar s" "$(calc "$took/1e6")"
	put loop "$peer" "all s" "$(calc "$all/1e6")"
	unmount_all
	put loop "$peer" "MiB fetched" "$(calc "$(bytes_sent)/1048576")"
	put loop "$peer" "requests" "$(requests_sent)"
}
