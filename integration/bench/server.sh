# The server of everybody: nginx, with files in memory. It plays VIS with fixed replies.
# shellcheck shell=bash disable=SC2034,SC2154

# What is served. PLAIN is for programs that want a URL; VIS the same bytes as images;
# LOGGED is VIS and plain with an access log, for counting bytes.
VIS_PORT=$(free_ports 7)
PLAIN_PORT=$((VIS_PORT + 1))
LOGGED_PORT=$((VIS_PORT + 2))       # VIS and an access log
LOGGED_PLAIN_PORT=$((VIS_PORT + 3)) # plain and an access log
WAN_PORT=$((VIS_PORT + 4))          # LOGGED_PORT, far away
WAN_PLAIN_PORT=$((VIS_PORT + 5))    # LOGGED_PLAIN_PORT, far away
SSH_PORT=$((VIS_PORT + 6))
PLAIN=http://127.0.0.1:$PLAIN_PORT

BIG_BYTES=$((200 << 30))
WAN_RTT=50ms WAN_CONNECTION=25 WAN_LINK=125 # ms, MB/s of a connection, MB/s of all

start_server() {
	SIZE=$((SIZE_MB << 20)) WAN_SIZE=$((WAN_MB * 1000000))
	say "making data"
	mkdir -p "$DATA/plain" "$DATA/vis"
	: >"$RUN/locations"
	local sum
	sum=$("$BIN/probe" make "$DATA/plain/data.img" $SIZE)
	add_image 1 data.img data.img "$sum"
	add_image 2 data-nosum.img data.img ""
	if [[ " ${jobs[*]} " == *" wan "* ]]; then
		sum=$("$BIN/probe" make "$DATA/plain/wan.img" $WAN_SIZE)
		add_image 3 wan.img wan.img "$sum"
	fi
	if [[ " ${jobs[*]} " == *" loop "* ]]; then
		make_loop_image
		add_image 4 loop.img loop.img "$(md5sum "$DATA/plain/loop.img" | cut -d' ' -f1)"
	fi
	if [[ " ${jobs[*]} " == *" memory "* ]]; then
		truncate -s $BIG_BYTES "$DATA/big.img" # a hole: it takes no memory
		add_image 5 big.img ../big.img ""
	fi
	printf '{"images": [%s]}' "$(paste -sd, "$RUN/images")" >"$DATA/vis/list.json"
	start_nginx
	server "$BIN/wanproxy" --listen 127.0.0.1:$WAN_PORT --to 127.0.0.1:$LOGGED_PORT --rtt $WAN_RTT --connection $WAN_CONNECTION --link $WAN_LINK
	server "$BIN/wanproxy" --listen 127.0.0.1:$WAN_PLAIN_PORT --to 127.0.0.1:$LOGGED_PLAIN_PORT --rtt $WAN_RTT --connection $WAN_CONNECTION --link $WAN_LINK
	wait_port $WAN_PORT
	wait_port $WAN_PLAIN_PORT
}

# add_image NUMBER NAME FILE CHECKSUM makes an image known. FILE is below plain/.
add_image() {
	local id size
	id=$(printf '%08d-1111-4222-8333-444444444444' "$1")
	size=$(stat -c %s "$DATA/plain/$3")
	echo "{\"_id\": \"$id\", \"name\": \"$2\", \"architecture\": \"x86_64\", \"access\": \"public\", \"status\": \"available\", \"store\": \"file\", \"owner\": \"bench\", \"size\": $size, \"uploaded_at\": \"2026-01-01 00:00:00 +0000\", \"checksum\": ${4:+\"}${4:-null}${4:+\"}}" >>"$RUN/images"
	cat >>"$RUN/locations" <<-LOCATION
		location = /images/$id {
			alias $DATA/plain/$3;
			add_header x-image-meta-_id $id;
			add_header x-image-meta-name $2;
			add_header x-image-meta-architecture x86_64;
			add_header x-image-meta-access public;
			add_header x-image-meta-status available;
			add_header x-image-meta-store file;
			add_header x-image-meta-owner bench;
			add_header x-image-meta-size $size;
			add_header x-image-meta-uploaded_at "2026-01-01 00:00:00 +0000";
			${4:+add_header x-image-meta-checksum $4;}
		}
	LOCATION
}

start_nginx() {
	cat >"$RUN/vis" <<-VIS
		default_type application/octet-stream;
		location = /images { alias $DATA/vis/list.json; default_type application/json; }
		location = /images/detail { alias $DATA/vis/list.json; default_type application/json; }
		include $RUN/locations;
		location / {
			default_type application/json;
			add_header x-error-code 404 always;
			add_header x-error-message "No image found with given id." always;
			return 404 '{"code": 404, "message": "No image found with given id."}';
		}
	VIS
	cat >"$RUN/nginx.conf" <<-CONF
		daemon off;
		user root;
		worker_processes auto;
		pid $RUN/nginx.pid;
		error_log $RUN/nginx.err warn;
		events { worker_connections 4096; }
		http {
			sendfile on;
			tcp_nopush on;
			tcp_nodelay on;
			keepalive_requests 100000000;
			keepalive_timeout 3600;
			open_file_cache max=100 inactive=1h;
			access_log off;
			log_format sent '\$body_bytes_sent';
			client_body_temp_path $RUN/tmp;
			proxy_temp_path $RUN/tmp;
			fastcgi_temp_path $RUN/tmp;
			uwsgi_temp_path $RUN/tmp;
			scgi_temp_path $RUN/tmp;
			server { listen 127.0.0.1:$VIS_PORT backlog=1024; include $RUN/vis; }
			server { listen 127.0.0.1:$PLAIN_PORT backlog=1024; root $DATA/plain; autoindex on; default_type application/octet-stream; }
			server { listen 127.0.0.1:$LOGGED_PORT backlog=1024; access_log $RUN/sent sent; include $RUN/vis; }
			server { listen 127.0.0.1:$LOGGED_PLAIN_PORT backlog=1024; access_log $RUN/sent sent; root $DATA/plain; autoindex on; default_type application/octet-stream; }
		}
	CONF
	: >"$RUN/sent"
	server nginx -c "$RUN/nginx.conf" -e "$RUN/nginx.err"
	wait_port "$VIS_PORT"
}

# count_from_here begins a count of what the logged ports send.
count_from_here() { sent_before=$(wc -l <"$RUN/sent"); }

# bytes_sent prints what they sent since. A reply is counted when it has ended: unmount first.
bytes_sent() {
	sleep 0.5
	tail -n +$((sent_before + 1)) "$RUN/sent" | awk '{n += $1} END {printf "%.0f", n}'
}

# requests_sent prints how many replies that were.
requests_sent() { tail -n +$((sent_before + 1)) "$RUN/sent" | wc -l; }

# make_loop_image makes an ext4 filesystem of 10,000 files, with the same names and bytes every time.
make_loop_image() {
	"$BIN/probe" tree "$RUN/tree"
	E2FSPROGS_FAKE_TIME=1700000000 mke2fs -q -t ext4 -U 11111111-2222-4333-8444-555555555555 \
		-E hash_seed=11111111-2222-4333-8444-555555555555,lazy_itable_init=0 -d "$RUN/tree" "$DATA/plain/loop.img" 200M >/dev/null
	rm -rf "$RUN/tree"
}
