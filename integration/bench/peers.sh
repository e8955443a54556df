# The programs that are compared, each mounted afresh.
# shellcheck shell=bash disable=SC2154

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
	fresh_mountpoint "$peer"
	file=$dir/$image
	case $peer in
	visorfs*) mount_visorfs "$peer" "$vis" ;;
	rclone*) mount_rclone "$peer" "$plain" ;;
	nbdfuse) serve nbdfuse -r "$file" --command nbdkit -s -r curl url="http://127.0.0.1:$plain/$image" ;;
	sshfs)
		start_sshd
		serve_sshfs "$SSH_PORT" "$DATA/plain"
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
