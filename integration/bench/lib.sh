# What the benchmark jobs share: setting up and cleaning up, timing, and writing results.
# Sourced by read, write and list, which say what they need: packages, tools (commands that load
# what a measurement would else load from disk), versions (programs that facts names) and
# settings. They have a server and peers of their own.
# shellcheck shell=bash disable=SC2034,SC2154

export LC_ALL=C no_proxy=127.0.0.1 NO_PROXY=127.0.0.1

say() { printf '%s %s\n' "$(date +%H:%M:%S)" "$*" >&2; }
fail() {
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# run_jobs runs what was asked for, and shows each job's results when it has ended.
run_jobs() {
	local job
	for job in "${jobs[@]}"; do
		[ "$(type -t "job_$job")" = function ] || fail "no job $job; --help lists them"
	done
	setup
	: >"$TSV"
	facts | tee "$DIR/facts"
	for job in "${jobs[@]}"; do
		"job_$job"
		python3 "$here/report.py" "$TSV" "$job"
	done
	echo
	echo "Single values: $TSV"
}

# setup installs what is missing, builds, makes the data and starts the servers.
setup() {
	[ "$(id -u)" -eq 0 ] || fail "needs root: it empties the page cache, and mounts"
	mkdir -p "$DIR"
	exec 9>"$DIR/lock"
	flock -n 9 || fail "another run is using $DIR"
	BIN=$DIR/bin RUN=$DIR/run MNT=$DIR/mnt
	rm -rf "$RUN"
	mkdir -p "$BIN" "$RUN" "$MNT"
	: >"$RUN/servers"
	trap cleanup EXIT
	trap 'exit 130' INT TERM
	scratch DATA /dev/shm
	scratch CACHE "$CACHE_DIR"
	install_programs
	copy_programs
	start_server
}

scratches=()

# scratch VARIABLE DIR makes a directory in DIR, which is removed at the end.
scratch() {
	mkdir -p "$2"
	printf -v "$1" %s "$(mktemp -d "$2/visorfs-bench.XXXXXX")"
	chmod 755 "${!1}"
	scratches+=("${!1}")
}

install_programs() {
	local package missing=()
	for package in "${packages[@]}"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		say "installing ${missing[*]}"
		apt-get update -qq
		# A server that its package starts would only be in the way.
		RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
	fi
	(cd "$here/../.." && go build -o "$BIN/" ./integration/bench/probe ./integration/bench/wanproxy)
	if [ -z "$VISORFS" ]; then
		(cd "$here/../.." && go build -trimpath -o "$BIN/visorfs" ./cmd/visorfs)
		VISORFS=$BIN/visorfs
	fi
	VISORFS_HELP=$("$VISORFS" mount --help 2>&1)
	if [[ " ${versions[*]} " == *" rclone "* ]] && [[ -z $PEERS || $PEERS == *rclone* ]] && [ ! -x "$BIN/rclone" ]; then
		say "building rclone, which takes some minutes"
		GOBIN=$BIN GOFLAGS=-trimpath nice -n 19 go install github.com/rclone/rclone@v1.76.0 2>"$RUN/rclone.log" ||
			say "no rclone: $(tail -n 1 "$RUN/rclone.log")"
	fi
}

# copy_programs puts the large programs into memory, so that loading them is not measured.
copy_programs() {
	mkdir "$DATA/bin"
	cp "$VISORFS" "$DATA/bin/visorfs"
	[ ! -x "$BIN/rclone" ] || cp "$BIN/rclone" "$DATA/bin/rclone"
}

# visorfs_knows tells whether the program under test has a flag.
visorfs_knows() { grep -q -- "$1\\b" <<<"$VISORFS_HELP"; }

cleanup() {
	local pid
	set +e
	[ -z "${running:-}" ] || stop "$running"
	unmount_all
	while read -r pid; do stop "$pid"; done <"$RUN/servers"
	rm -rf "${scratches[@]}"
}

# stop ends a process that this run has started, gently at first.
stop() {
	local i
	kill "$1" 2>/dev/null || return 0
	for i in {1..100}; do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.05
	done
	kill -9 "$1" 2>/dev/null || true
}

# server COMMAND... starts a program that runs until the end, and sets server_pid.
server() {
	setsid "$@" >>"$RUN/servers.log" 2>&1 </dev/null 9>&- &
	server_pid=$!
	echo $server_pid >>"$RUN/servers"
}

# free_ports N prints the first of N ports in a row that nobody uses.
free_ports() {
	local base port
	for ((base = 18400; base < 19400; base += 10)); do
		for ((port = base; port < base + $1; port++)); do
			! port_answers $port || continue 2
		done
		echo $base
		return
	done
	fail "all ports are in use"
}

port_answers() { (: >"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

wait_port() {
	local i
	for i in {1..200}; do
		! port_answers "$1" || return 0
		sleep 0.02
	done
	fail "nothing listens at port $1: $(tail -n 3 "$RUN/servers.log")"
}

# facts says what was measured on.
facts() {
	echo "- $(date -u '+%d %b %Y %H:%M UTC'); $(nproc) cores, $(awk -F': *' '/model name/{print $2; exit}' /proc/cpuinfo), $(awk '/MemTotal/{printf "%.0f GiB", $2/1048576}' /proc/meminfo), kernel $(uname -r); load $(cut -d' ' -f1 /proc/loadavg)"
	echo "- $(revision)${VISORFS_FLAGS:+ with $VISORFS_FLAGS}; $(for program in "${versions[@]}"; do version_of "$program"; done | paste -sd, | sed 's/,/, /g')"
	echo "- $settings"
}

version_of() {
	case $1 in
	rclone) "$BIN/rclone" version 2>/dev/null | head -n 1 ;;
	nginx) nginx -v 2>&1 | cut -d/ -f2- | sed 's/^/nginx /' ;;
	curl) curl --version | cut -d' ' -f1,2 | head -n 1 ;;
	nbdkit) echo "nbdkit $(nbdkit --version | cut -d' ' -f2)" ;;
	sshfs) sshfs --version 2>/dev/null | sed -n "s/^SSHFS version /sshfs /p" ;;
	*) "$1" --version | head -n 1 ;;
	esac
}

# revision prints which version of the program is measured.
revision() {
	if [ "$VISORFS" = "$BIN/visorfs" ]; then
		echo "visorfs $(git -C "$here" describe --always --dirty 2>/dev/null || echo unknown)"
	else
		"$VISORFS" --version
	fi
}

# selected PEER... prints those that PEERS asks for and that can be had.
selected() {
	local peer
	for peer in "$@"; do
		[ -z "$PEERS" ] || [[ " $PEERS " == *" $peer "* ]] || continue
		[[ $peer != rclone* ]] || [ -x "$BIN/rclone" ] || continue
		[[ $peer != visorfs-cache* ]] || visorfs_knows --cache-dir || continue
		[ "$peer" != visorfs-smallspool ] || visorfs_knows --spool-size || continue
		[ "$peer" != visorfs-cache-nopt ] || visorfs_knows --no-passthrough || continue
		echo "$peer"
	done
}

# put TABLE PEER METRIC VALUE writes one result. TABLE begins with the job's name.
put() { printf '%s\t%s\t%s\t%s\t%s\n' "${round:-0}" "$1" "$2" "$3" "$4" >>"$TSV"; }

# timed COMMAND... runs it, and sets took to its microseconds. What it prints is in
# $RUN/out. One that fails, or needs more than LIMIT seconds, is reported.
timed() {
	local start=${EPOCHREALTIME/./} status=0
	timeout -k 5 "$LIMIT" "$@" >"$RUN/out" 2>"$RUN/err" 9>&- &
	running=$! # waiting for it in this way lets Ctrl-C through
	wait "$running" || status=$?
	took=$((${EPOCHREALTIME/./} - start))
	running=
	[ $status -eq 0 ] || say "FAILED ($status): $* : $(tail -c 300 "$RUN/err")"
	return $status
}

# calc EXPRESSION prints its value.
calc() { awk "BEGIN { printf \"%.6g\", $1 }"; }

# drop_caches empties the page cache, and fetches the tools into it again: they are not
# what is measured.
drop_caches() {
	local tool
	echo "${1:-3}" >/proc/sys/vm/drop_caches
	dd if=/dev/zero of=/dev/null count=1 2>/dev/null
	cat /dev/null
	cp /dev/null "$RUN/nothing"
	timeout 1 true
	for tool in "${tools[@]}"; do
		$tool >/dev/null 2>&1 || true # a command with its arguments
	done
	"$BIN/probe" first "$DATA/plain/data.img" >/dev/null
}

# cpu_ticks prints the CPU time, in hundredths of a second, that the mount's processes used.
cpu_ticks() {
	local pid sum=0
	for pid in "${mount_pids[@]}"; do
		sum=$((sum + $(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | awk '{print $12+$13}' || echo 0)))
	done
	echo $sum
}

# status_mib FIELD prints VmHWM or VmRSS of the mount's processes.
status_mib() {
	local pid sum=0
	for pid in "${mount_pids[@]}"; do
		sum=$((sum + $(awk "/^$1:/{print \$2}" "/proc/$pid/status" 2>/dev/null || echo 0)))
	done
	calc $sum/1024
}
