# The programs that are compared, each mounted afresh.
# shellcheck shell=bash disable=SC2154

export VISOR_ACCESS_KEY=bench VISOR_SECRET_KEY=bench
mount_pids=()
loop_device=

# mount_peer PEER IMAGE [WHERE] mounts, and sets file to the image's path and mount_pids
# to the processes that serve it. WHERE is near (default), logged, or wan. Caches of the
# peer are emptied before, unless keep_cache=1; so is the page cache, unless keep_pages=1.
#
# Peers: visorfs, visorfs-nosum (the image whose server tells no checksum), visorfs-cache
# and visorfs-cache-nopt (disk cache, without passthrough), rclone-off, rclone-tuned,
# rclone-full, nbdfuse, sshfs.
mount_peer() {
	local peer=$1 image=$2 where=${3:-near} vis plain
	case $where in
	near) vis=$VIS_PORT plain=$PLAIN_PORT ;;
	logged) vis=$LOGGED_PORT plain=$LOGGED_PLAIN_PORT ;;
	wan) vis=$WAN_PORT plain=$WAN_PLAIN_PORT ;;
	esac
	unmount_all
	[ "${keep_cache:-}" = 1 ] || rm -rf "${CACHE:?}/$peer"
	mkdir -p "$MNT/$peer" "$CACHE/$peer"
	[ "${keep_pages:-}" = 1 ] || drop_caches
	dir=$MNT/$peer file=$MNT/$peer/$image
	case $peer in
	visorfs*) mount_visorfs "$peer" "$vis" ;;
	rclone*) mount_rclone "$peer" "$plain" ;;
	nbdfuse) serve nbdfuse -r "$file" --command nbdkit -s -r curl url="http://127.0.0.1:$plain/$image" ;;
	sshfs)
		start_sshd
		serve sshfs -f -p "$SSH_PORT" -o IdentityFile="$RUN/ssh_user,StrictHostKeyChecking=no,UserKnownHostsFile=/dev/null" \
			"root@127.0.0.1:$DATA/plain" "$dir"
		;;
	*) fail "no peer $peer" ;;
	esac
	wait_mount "$peer"
}

mount_visorfs() {
	local peer=$1 port=$2 flags=()
	case $peer in
	visorfs-nosum) file=${file%.img}-nosum.img ;;
	visorfs-cache) flags=(--cache-dir "$CACHE/$peer" --cache-size 10G) ;;
	visorfs-cache-nopt) flags=(--cache-dir "$CACHE/$peer" --cache-size 10G --no-passthrough) ;;
	esac
	# shellcheck disable=SC2086 # several flags
	serve "$DATA/bin/visorfs" mount --url "http://127.0.0.1:$port" "${flags[@]}" $VISORFS_FLAGS "$dir"
}

mount_rclone() {
	local flags=()
	case $1 in
	rclone-off) flags=(--vfs-cache-mode off) ;;
	rclone-tuned) flags=(--vfs-cache-mode off --vfs-read-chunk-streams 8 --vfs-read-chunk-size 4M --buffer-size 64M --max-read-ahead 1M) ;;
	rclone-full) flags=(--vfs-cache-mode full) ;;
	esac
	serve "$DATA/bin/rclone" --config /dev/null mount :http: "$dir" --http-url "http://127.0.0.1:$2/" --read-only \
		--cache-dir "$CACHE/$1" "${flags[@]}"
}

# serve COMMAND... starts a mount.
serve() {
	setsid "$@" >"$RUN/mount.log" 2>&1 </dev/null 9>&- &
	mount_pids=($!)
}

wait_mount() {
	local i
	for i in {1..1000}; do
		if grep -q " $dir fuse" /proc/mounts; then
			# visorfs says so itself, when it is ready.
			[[ $1 != visorfs* ]] || grep -q 'is mounted on' "$RUN/mount.log" || { sleep 0.01; continue; }
			[ "$1" != nbdfuse ] || sleep 0.2 # until nbdkit serves it
			[ "$1" != sshfs ] || timeout 20 stat -f "$dir" >/dev/null # it connects now
			# Helper processes of a peer count as the peer.
			mapfile -t -O 1 mount_pids < <(cat /proc/"${mount_pids[0]}"/task/*/children 2>/dev/null | tr ' ' '\n' | grep .)
			return
		fi
		sleep 0.01
	done
	say "$1 does not mount: $(tail -n 3 "$RUN/mount.log")"
	unmount_all
	return 1
}

# unmount_all ends whatever this run has mounted, also what hangs.
unmount_all() {
	local i at
	if [ -n "$loop_device" ]; then
		timeout 20 umount "$MNT/loop" 2>/dev/null || timeout 20 umount -l "$MNT/loop" 2>/dev/null || true
		timeout 20 losetup -d "$loop_device" 2>/dev/null || true
		loop_device=
	fi
	while read -r at; do
		for i in {1..20}; do
			timeout 10 fusermount3 -u "$at" 2>/dev/null && break
			sleep 0.1
		done
		! grep -q " $at " /proc/mounts || timeout 10 fusermount3 -uz "$at" 2>/dev/null || timeout 10 umount -l "$at" || true
	done < <(awk -v below="$MNT/" 'index($2, below) == 1 {print $2}' /proc/mounts)
	for i in "${mount_pids[@]}"; do
		for at in {1..60}; do
			kill -0 "$i" 2>/dev/null || continue 2
			sleep 0.05
		done
		stop "$i"
	done
	mount_pids=()
}
