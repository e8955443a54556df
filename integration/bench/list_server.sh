# The servers that are listed: one for each job, visorfs serve, filled with images without
# data.
# shellcheck shell=bash disable=SC2034,SC2154

declare -A ports=()

start_server() {
	local base job per_dir
	base=$(free_ports 2)
	scratch STORE "$SERVER_DIR"
	for job in "${jobs[@]}"; do
		per_dir=0 ports[$job]=$base
		[ "$job" = flat ] || per_dir=$PER_DIR ports[$job]=$((base + 1))
		server "$DATA/bin/visorfs" serve --listen "127.0.0.1:${ports[$job]}" --data "$STORE/$job" --access-log "$RUN/access.$job"
		wait_port "${ports[$job]}"
		say "registering $IMAGES images for $job"
		timed "$BIN/probe" fill --per-dir "$per_dir" "$(url_of "$job")" "$IMAGES"
		say "that took $(calc "$took/1e6") s"
	done
}

# url_of JOB prints the base of its server.
url_of() { echo "http://127.0.0.1:${ports[$1]}"; }

# requests JOB prints how many requests its server has answered.
requests() { wc -l <"$RUN/access.$1"; }

# plain_list JOB asks for the list, as the mount does, and counts its bytes.
plain_list() {
	local date signature
	date=$(date -u '+%a, %d %b %Y %H:%M:%S GMT')
	signature=$(printf 'GET\n\n\n%s\n/images/detail' "$date" | openssl dgst -sha1 -hmac "$VISOR_SECRET_KEY" -binary | base64)
	timed sh -c 'curl -sS --fail "$@" | wc -c' curl -H 'Accept: application/json' \
		-H "Date: $date" -H "Authorization: VISOR $VISOR_ACCESS_KEY:$signature" "$(url_of "$1")/images/detail"
}
