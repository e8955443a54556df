# warm: an image that is whole in the disk cache, opened again after a remount. The pages
# of the cache's files are in memory, or not; those of the mount never are.
# shellcheck shell=bash disable=SC2154

job_warm() {
	local round peer
	visorfs_knows --cache-dir || say "warm: this visorfs has no --cache-dir"
	cp "$DATA/plain/data.img" "$CACHE/plain.img" # on the filesystem of the caches
	for ((round = 1; round <= N; round++)); do
		say "warm, round $round of $N"
		for peer in $(selected visorfs-cache visorfs-cache-nopt rclone-full); do
			warm_one "$peer"
		done
	done
	unmount_all
	rm -f "$CACHE/plain.img"
}

warm_one() {
	local peer=$1
	mount_peer "$peer" data.img logged || return 0
	timed dd if="$file" of=/dev/null bs=1M || return 0
	sleep 7 # until it has written what it holds: rclone does 5 s after the last close
	sync -f "$CACHE"
	warm_read "$peer" "pages in memory"
	warm_read "$peer" "pages on disk"
	warm_read "$peer" "once more"
	rm -rf "${CACHE:?}/$peer"
}

# warm_read PEER WHERE mounts with the cache that is there, and reads. "Once more" is a second
# read in that mount, with the pages of the cache's files in memory.
warm_read() {
	local ticks control_took control=$CACHE/plain.img
	count_from_here
	keep_cache=1 keep_pages=1 mount_peer "$1" data.img logged || return 0
	case $2 in
	"pages on disk") drop_caches 1 ;;
	*)
		cat "$control" >/dev/null
		find "$CACHE/$1" -type f -exec cat {} + >/dev/null
		;;
	esac
	if [ "$2" = "once more" ]; then
		timed dd if="$file" of=/dev/null bs=1M || return 0
		sleep 1                                        # for whoever closes it
		dd if="$file" iflag=nocache count=0 status=none # forget the mount's pages
	fi
	timed dd if="$control" of=/dev/null bs=1M || return 0
	control_took=$took
	put "warm, $2" "dd of a file" "MiB/s" "$(calc "$SIZE_MB/($took/1e6)")"
	ticks=$(cpu_ticks)
	timed dd if="$file" of=/dev/null bs=1M || return 0
	put "warm, $2" "$1" "MiB/s" "$(calc "$SIZE_MB/($took/1e6)")"
	put "warm, $2" "$1" "CPU s/GiB" "$(calc "($(cpu_ticks)-$ticks)/100/($SIZE_MB/1024)")"
	put "warm, $2" "$1" "ratio to dd of a file" "$(calc "$control_took/$took")"
	unmount_all
	put "warm, $2" "$1" "bytes fetched / size" "$(calc "$(bytes_sent)/$SIZE")"
}
