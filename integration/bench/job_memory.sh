# memory: what visorfs holds while it reads images that are larger than it may keep.
# shellcheck shell=bash disable=SC2154

job_memory() {
	local round step
	for ((round = 1; round <= N; round++)); do
		say "memory, round $round of $N"
		mount_peer visorfs data.img || return 0
		timed dd if="$file" of=/dev/null bs=1M || return 0
		put memory "$SIZE_MB MiB image, whole" "VmHWM MiB" "$(status_mib VmHWM)"
		put memory "$SIZE_MB MiB image, whole" "VmRSS at the end MiB" "$(status_mib VmRSS)"
		# Once is enough of what takes so long.
		[ "$round" -eq 1 ] || continue
		mount_peer visorfs big.img || return 0
		for ((step = 0; step < BIG_GIB; step += 10)); do
			timed dd if="$file" of=/dev/null bs=1M skip=$((step * 1024)) count=10240 || return 0
			put memory "200 GiB image, after $((step + 10)) GiB" "VmHWM MiB" "$(status_mib VmHWM)"
			put memory "200 GiB image, after $((step + 10)) GiB" "VmRSS at the end MiB" "$(status_mib VmRSS)"
		done
	done
	unmount_all
}
