# The servers that are written to: visorfs serve, nginx as WebDAV, and sshd. All keep what
# they get below $STORE.
# shellcheck shell=bash disable=SC2034,SC2154

VIS_PORT=$(free_ports 6)
DAV_PORT=$((VIS_PORT + 1))
SSH_PORT=$((VIS_PORT + 2))

# Ports by server, near and over the link.
declare -A near=([vis]=$VIS_PORT [dav]=$DAV_PORT [ssh]=$SSH_PORT)
declare -A far=([vis]=$((VIS_PORT + 3)) [dav]=$((VIS_PORT + 4)) [ssh]=$((VIS_PORT + 5)))
declare -A server_pids=() link_pids=()

start_server() {
	SIZE=$((SIZE_MB << 20))
	SOURCE=$DATA/plain/data.img
	scratch STORE "$SERVER_DIR"
	mkdir -p "$DATA/plain" "$STORE/files" "$STORE/incoming"
	settings="N=$N, SIZE_MB=$SIZE_MB, STREAM_GIB=$STREAM_GIB; servers write to $(filesystem "$STORE"), spool and cache are on $(filesystem "$CACHE")"
	say "making data"
	SOURCE_MD5=$("$BIN/probe" make "$SOURCE" "$SIZE")
	server "$DATA/bin/visorfs" serve --listen "127.0.0.1:$VIS_PORT" --data "$STORE/vis"
	server_pids[vis]=$server_pid
	wait_port "$VIS_PORT"
	start_dav
	server_pids[dav]=$server_pid
	start_sshd
	server_pids[ssh]=$server_pid
	[[ " ${jobs[*]} " != *" link "* ]] || start_link
}

# filesystem DIR prints its type.
filesystem() { df --output=fstype "$1" | tail -n 1; }

# start_dav serves $STORE/files. A temporary file is on the same filesystem, so that a PUT
# ends with a rename.
start_dav() {
	cat >"$RUN/nginx.conf" <<-CONF
		load_module /usr/lib/nginx/modules/ngx_http_dav_ext_module.so;
		daemon off;
		user root;
		worker_processes auto;
		pid $RUN/nginx.pid;
		error_log $RUN/nginx.err warn;
		events { }
		http {
			default_type application/octet-stream;
			access_log off;
			client_max_body_size 0;
			client_body_buffer_size 1m;
			client_body_temp_path $STORE/incoming;
			proxy_temp_path $RUN/tmp;
			fastcgi_temp_path $RUN/tmp;
			uwsgi_temp_path $RUN/tmp;
			scgi_temp_path $RUN/tmp;
			server {
				listen 127.0.0.1:$DAV_PORT;
				root $STORE/files;
				dav_methods PUT DELETE MKCOL COPY MOVE;
				dav_ext_methods PROPFIND OPTIONS;
			}
		}
	CONF
	server nginx -c "$RUN/nginx.conf" -e "$RUN/nginx.err"
	wait_port "$DAV_PORT"
}

# start_link makes each server reachable over a link of its own.
start_link() {
	local name
	for name in vis dav ssh; do
		server "$BIN/wanproxy" --listen "127.0.0.1:${far[$name]}" --to "127.0.0.1:${near[$name]}" \
			--rtt "$LINK_RTT" --connection 0 --link "$LINK_MBS"
		link_pids[$name]=$server_pid
		wait_port "${far[$name]}"
	done
}

# vis_image COMMAND ARGUMENT... asks the VIS server, near.
vis_image() { "$DATA/bin/visorfs" image "$1" --url "http://127.0.0.1:$VIS_PORT" "${@:2}"; }

# vis_checksum NAME prints the MD5 of an image that the server has whole.
vis_checksum() { vis_image show "$1" 2>/dev/null | awk '/^checksum /{print $2}'; }

# empty_servers removes what was uploaded, and waits until the disks have nothing left to do.
empty_servers() {
	vis_image delete --query architecture=x86_64 --yes >/dev/null 2>&1 || true
	rm -f "$STORE/files/data.img"
	sync -f "$STORE"
	sync -f "$CACHE"
}
