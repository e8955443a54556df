# seq: the whole image from its start, cold, three ways.
# shellcheck shell=bash disable=SC2154

job_seq() {
	local round peer how
	for ((round = 1; round <= N; round++)); do
		say "seq, round $round of $N"
		for how in $SEQ_HOW; do
			for peer in $(selected visorfs visorfs-nosum visorfs-cache rclone-off rclone-tuned rclone-full nbdfuse); do
				seq_one "$how" "$peer"
			done
		done
	done
	unmount_all
}

seq_one() {
	local how=$1 peer=$2 ticks curl_took
	seq_control "$how" || return 0
	curl_took=$took
	put "seq $how" curl "MiB/s" "$(calc "$SIZE_MB/($took/1e6)")"
	mount_peer "$peer" data.img || return 0
	ticks=$(cpu_ticks)
	case $how in
	dd) timed dd if="$file" of=/dev/null bs=1M || return 0 ;;
	cat) timed sh -c "cat '$file' >/dev/null" || return 0 ;;
	cp) timed cp "$file" "$DATA/copy" || { rm -f "$DATA/copy"; return 0; } ;;
	esac
	put "seq $how" "$peer" "MiB/s" "$(calc "$SIZE_MB/($took/1e6)")"
	put "seq $how" "$peer" "ratio to curl" "$(calc "$curl_took/$took")"
	put "seq $how" "$peer" "CPU s/GiB" "$(calc "($(cpu_ticks)-$ticks)/100/($SIZE_MB/1024)")"
	put "seq $how" "$peer" "VmHWM MiB" "$(status_mib VmHWM)"
	if [ "$how" = cp ]; then
		[ "$round" -gt 1 ] || cmp "$DATA/copy" "$DATA/plain/data.img" || say "WRONG BYTES from $peer"
		rm -f "$DATA/copy"
	fi
}

# seq_control does with curl what the peer will do.
seq_control() {
	local to=/dev/null
	[ "$1" != cp ] || to=$DATA/copy
	timed curl -sf -o "$to" "$PLAIN/data.img"
	[ "$1" != cp ] || rm -f "$DATA/copy"
}
