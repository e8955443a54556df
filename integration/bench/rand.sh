# Random reads, for rand and wan.
# shellcheck shell=bash disable=SC2034,SC2154

# fio_rand BLOCK READERS reads $file at random; it sets iops, p50 and p99 (µs).
fio_rand() {
	timed fio --name=rand --filename="$file" --rw=randread --bs="$1" --ioengine=psync --numjobs="$2" --thread \
		--group_reporting --time_based --runtime="$SECONDS_RAND" --readonly --randrepeat=0 --norandommap --output-format=json ||
		return 1
	read -r iops p50 p99 < <(python3 -c '
import json, sys
text = sys.stdin.read()
read = json.loads(text[text.index("{"):])["jobs"][0]["read"]
p = read["clat_ns"]["percentile"]
print(round(read["iops"], 1), p["50.000000"] / 1000, p["99.000000"] / 1000)' <"$RUN/out")
}

# bare_rand URL SIZE BLOCK READERS SECONDS does the same with bare requests.
bare_rand() {
	timed "$BIN/probe" rand --size "$2" --block "$3" --readers "$4" --for "${5}s" "$1" || return 1
	read -r iops p50 p99 <"$RUN/out"
}
