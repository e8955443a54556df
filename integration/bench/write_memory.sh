# memory: what visorfs holds while it is given a stream that is larger than all it may keep.
# shellcheck shell=bash disable=SC2034,SC2154

job_memory() {
	local round=1 peer
	room_for_stream || return 0
	for peer in $(selected visorfs visorfs-smallspool); do
		say "memory, $peer"
		memory_one "$peer"
		unmount_all
		empty_servers
	done
}

memory_one() {
	local peer=$1
	mount_peer "$peer" near || return 0
	timed "$BIN/probe" make "$file" $((STREAM_GIB << 30)) || return 0
	if [ "$(vis_checksum data.img)" != "$(cat "$RUN/out")" ]; then
		say "WRONG: the server does not have what $peer has sent"
		return 0
	fi
	put memory "$peer, $STREAM_GIB GiB" "VmHWM MiB" "$(status_mib VmHWM)"
	put memory "$peer, $STREAM_GIB GiB" "VmRSS at the end MiB" "$(status_mib VmRSS)"
	put memory "$peer, $STREAM_GIB GiB" "MiB/s" "$(calc "$STREAM_GIB*1024/($took/1e6)")"
}

# room_for_stream tells whether the stream fits, once at the server and once in the spool.
room_for_stream() {
	local need=$((STREAM_GIB + 1)) at free
	[ "$(stat -c %d "$STORE")" != "$(stat -c %d "$CACHE")" ] || need=$((2 * need))
	for at in "$STORE" "$CACHE"; do
		free=$(($(df --output=avail -B1G "$at" | tail -n 1)))
		[ "$free" -ge $need ] || {
			say "memory needs $need GiB at $at, where $free are free: lower STREAM_GIB"
			return 1
		}
	done
}
