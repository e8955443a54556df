# Mounting and unmounting, whatever the peer.
# shellcheck shell=bash disable=SC2154

export VISOR_ACCESS_KEY=bench VISOR_SECRET_KEY=bench
mount_pids=()
loop_device=

# fresh_mountpoint PEER ends the mount before, and sets dir to where PEER is to be mounted.
# Caches of the peer are emptied, unless keep_cache=1; so is the page cache, unless keep_pages=1.
fresh_mountpoint() {
	unmount_all
	[ "${keep_cache:-}" = 1 ] || rm -rf "${CACHE:?}/$1"
	mkdir -p "$MNT/$1" "$CACHE/$1"
	[ "${keep_pages:-}" = 1 ] || drop_caches
	dir=$MNT/$1
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
