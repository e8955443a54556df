# local, link: cp of a file into each mount, right after curl has sent it to the same server.
# shellcheck shell=bash disable=SC2034,SC2154

job_local() { copy_rounds local near; }
job_link() { copy_rounds link far; }

# copy_rounds JOB WHERE
copy_rounds() {
	local round peer job=$1 where=$2
	for ((round = 1; round <= N; round++)); do
		say "$job, round $round of $N"
		for peer in $(selected visorfs visorfs-smallspool rclone-off rclone-writes sshfs); do
			copy_one "$peer"
		done
	done
}

# copy_one PEER measures it, and its control before. That of sshfs is curl to WebDAV, which
# writes to the same place; what sftp makes of the same sshd is shown beside it.
copy_one() {
	local peer=$1 control="curl to WebDAV" curl_took=
	[[ $peer != visorfs* ]] || control="curl to VIS"
	copy_bare "$control" || return 0
	curl_took=$took
	[ "$peer" != sshfs ] || copy_bare sftp || return 0
	mount_peer "$peer" "$where" || return 0
	if measure "$peer" cp "$SOURCE" "$file"; then
		put "$job" "$peer" "VmHWM MiB" "$(status_mib VmHWM)"
	fi
	unmount_all
	empty_servers
}

copy_bare() {
	local status=0
	drop_caches
	bare_upload "$1" "$where"
	measure "$1" "${upload[@]}" || status=$?
	empty_servers
	return $status
}

# measure WHO COMMAND... uploads with it, and writes what that took. Ended is an upload when
# the server has all, which may be after the command's return.
measure() {
	local who=$1 server sender busy cores before after
	server=$(server_of "$who")
	read -ra before < <(serving_ticks "$server")
	busy=$(busy_ticks)
	sender=$(children_ticks)
	timed "${@:2}" || return 1
	sender=$(($(children_ticks) - sender))
	cores=$(calc "($(busy_ticks)-$busy)/100/($took/1e6)")
	wait_stored "$who" || return 1
	read -ra after < <(serving_ticks "$server")

	put "$job" "$who" "MiB/s" "$(calc "$SIZE_MB/($took/1e6)")"
	put "$job" "$who" "time / curl's" "$(calc "$took/${curl_took:-$took}")"
	put_cpu "$who" sender "$sender"
	[ ${#mount_pids[@]} -eq 0 ] || put_cpu "$who" mount $((after[0] - before[0]))
	put_cpu "$who" server $((after[1] - before[1]))
	[ "$where" = near ] || put_cpu "$who" link $((after[2] - before[2]))
	put "$job" "$who" "cores busy" "$cores"
}

# serving_ticks SERVER prints the CPU time of the mount, of the server, and of its link.
serving_ticks() { echo "$(cpu_ticks) $(tree_ticks "${server_pids[$1]}") $(tree_ticks "${link_pids[$1]:-none}")"; }

# put_cpu WHO WHOSE TICKS
put_cpu() { put "$job" "$1" "$2 CPU s/GiB" "$(calc "$3/100/($SIZE_MB/1024)")"; }

# wait_stored WHO waits until the server has the whole file, adds to took what that lasts
# after the command's return, and compares the bytes.
wait_stored() {
	local start=${EPOCHREALTIME/./} i
	if ! is_stored "$1"; then
		for i in {1..500}; do
			sleep 0.02
			! is_stored "$1" || break
		done
		took=$((took + ${EPOCHREALTIME/./} - start))
	fi
	is_right "$1" || {
		say "WRONG: the server does not have what $1 has sent"
		return 1
	}
}

# is_stored WHO: VIS tells a checksum when it has all; the others show a file that grows.
is_stored() {
	if [ "$(server_of "$1")" = vis ]; then
		[ -n "$(vis_checksum data.img)" ]
	else
		[ "$(stat -c %s "$STORE/files/data.img" 2>/dev/null)" = "$SIZE" ]
	fi
}

is_right() {
	if [ "$(server_of "$1")" = vis ]; then
		[ "$(vis_checksum data.img)" = "$SOURCE_MD5" ]
	else
		cmp "$SOURCE" "$STORE/files/data.img"
	fi
}
