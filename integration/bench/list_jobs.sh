# flat, dirs: what programs do that look at every file, in a fresh mount and once more.
# shellcheck shell=bash disable=SC2034,SC2154

job_flat() { list_rounds flat; }
job_dirs() { list_rounds dirs; }

programs=("ls -lR" find du glob "file manager" "stat of a path, 100 times")

# list_rounds JOB
list_rounds() {
	local round program job=$1
	for ((round = 1; round <= N; round++)); do
		say "$job, round $round of $N"
		for program in "${programs[@]}"; do
			list_one "$program"
		done
	done
	unmount_all
}

# list_one PROGRAM measures it in a fresh mount and again, right after a plain request.
list_one() {
	local bare before
	mount_list || return 0
	plain_list "$job" || return 0
	bare=$took
	[[ $1 != stat* ]] || run_program ls || return 0 # what is about a path that is known
	before=$(requests "$job")
	run_program "$1" || return 0
	put "$job" "$1" s "$(calc "$took/1e6")"
	put "$job" "$1" "time / curl's" "$(calc "$took/$bare")"
	put "$job" "$1" requests $(($(requests "$job") - before))
	before=$(requests "$job")
	run_program "$1" || return 0
	put "$job" "$1" "again s" "$(calc "$took/1e6")"
	put "$job" "$1" "again requests" $(($(requests "$job") - before))
	put "$job" "$1" "mount's CPU s" "$(calc "$(cpu_ticks)/100")"
	put "$job" "$1" "VmHWM MiB" "$(status_mib VmHWM)"
	put "$job" "$1" "VmRSS MiB" "$(status_mib VmRSS)"
	[ "$1" != "${programs[0]}" ] || put "$job" curl s "$(calc "$bare/1e6")"
}

mount_list() {
	keep_pages=1 fresh_mountpoint visorfs
	# shellcheck disable=SC2086 # flags are words
	serve "$DATA/bin/visorfs" mount --url "$(url_of "$job")" --metadata-ttl "$TTL" --spool-dir "$CACHE/visorfs" $VISORFS_FLAGS "$dir"
	wait_mount visorfs
}

# run_program NAME, and count the lines that it prints.
run_program() {
	local path=build-000000-amd64.iso
	[ "$job" = flat ] || path=release-000/$path
	case $1 in
	ls) timed ls "$dir/${path%/*}" ;;
	"ls -lR") timed sh -c 'ls -lR "$1" | wc -l' sh "$dir" ;;
	find) timed sh -c 'find "$1" -type f -size -1 | wc -l' sh "$dir" ;;
	du) timed du -s "$dir" ;;
	glob) timed bash -c 'shopt -s globstar; cd "$1"; set -- **/*.iso; echo $#' bash "$dir" ;;
	"file manager") timed "$BIN/probe" browse "$dir" ;;
	stat*) timed bash -c 'for i in {1..100}; do stat "$1"; done | wc -l' bash "$dir/$path" ;;
	esac
}
