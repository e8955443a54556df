# ttfb: the first 4 KiB of an image right after mounting.
# shellcheck shell=bash disable=SC2154

job_ttfb() {
	local round peer first bare
	for ((round = 1; round <= N; round++)); do
		say "ttfb, round $round of $N"
		for peer in $(selected visorfs visorfs-nosum rclone-off rclone-tuned rclone-full nbdfuse sshfs); do
			timed "$BIN/probe" firsthttp "$PLAIN/data.img" || continue
			bare=$(cat "$RUN/out")
			put ttfb "bare request" "open+pread ms" "$(calc "$bare/1000")"
			mount_peer "$peer" data.img || continue
			timed "$BIN/probe" first "$file" || continue
			first=$(cat "$RUN/out")
			put ttfb "$peer" "open+pread ms" "$(calc "$first/1000")"
			put ttfb "$peer" "ratio to bare request" "$(calc "$bare/$first")"
			mount_peer "$peer" data.img || continue
			timed dd if="$file" of=/dev/null bs=4096 count=1 || continue
			put ttfb "$peer" "dd ms, with its start" "$(calc "$took/1000")"
		done
	done
	unmount_all
}
