# What uploads: mounts to copy into, and programs that send without a mount.
# shellcheck shell=bash disable=SC2034,SC2154

# server_of WHO prints which server somebody writes to.
server_of() {
	case $1 in
	visorfs* | "curl to VIS") echo vis ;;
	rclone* | "curl to WebDAV") echo dav ;;
	sshfs | sftp) echo ssh ;;
	esac
}

# port_of WHO WHERE prints the port of that server, WHERE being near or far.
port_of() {
	local -n ports=$2
	echo "${ports[$(server_of "$1")]}"
}

# mount_peer PEER WHERE mounts, and sets file to the path of what is to be written and
# mount_pids to the processes that serve it.
#
# Peers: visorfs; visorfs-smallspool, whose spool is smaller than the file; rclone-off;
# rclone-writes (into its disk cache; the upload begins when the file is closed); sshfs.
mount_peer() {
	local peer=$1 port
	port=$(port_of "$peer" "$2")
	fresh_mountpoint "$peer"
	file=$dir/data.img
	case $peer in
	visorfs*) mount_visorfs "$peer" "$port" ;;
	rclone-off) mount_rclone "$peer" "$port" --vfs-cache-mode off ;;
	rclone-writes) mount_rclone "$peer" "$port" --vfs-cache-mode writes --vfs-write-back 0 ;;
	sshfs) serve_sshfs "$port" "$STORE/files" ;;
	*) fail "no peer $peer" ;;
	esac
	wait_mount "$peer"
}

mount_visorfs() {
	local flags=()
	! visorfs_knows --spool-dir || flags+=(--spool-dir "$CACHE/$1")
	[ "$1" != visorfs-smallspool ] || flags+=(--spool-size "$SMALL_SPOOL")
	# shellcheck disable=SC2086 # several flags
	serve "$DATA/bin/visorfs" mount --url "http://127.0.0.1:$2" "${flags[@]}" $VISORFS_FLAGS "$dir"
}

mount_rclone() {
	serve "$DATA/bin/rclone" --config /dev/null mount :webdav: "$dir" --webdav-url "http://127.0.0.1:$2/" --webdav-vendor other \
		--cache-dir "$CACHE/$1" "${@:3}"
}

# bare_upload WHO WHERE sets upload to the command that sends the file without a mount.
bare_upload() {
	local port
	port=$(port_of "$1" "$2")
	case $1 in
	"curl to VIS") vis_upload "$port" ;;
	"curl to WebDAV")
		upload=(curl -sSf -T "$SOURCE" -H Expect: -H "Transfer-Encoding: chunked" "http://127.0.0.1:$port/data.img")
		;;
	sftp)
		echo "put $SOURCE $STORE/files/data.img" >"$RUN/put"
		upload=(sftp -q -P "$port" "${ssh_options[@]}" -b "$RUN/put" root@127.0.0.1)
		;;
	esac
}

# vis_upload PORT makes an image of the file with one signed request.
vis_upload() {
	local date type=application/octet-stream signature
	date=$(TZ=GMT date '+%a, %d %b %Y %H:%M:%S GMT')
	signature=$(printf 'POST\n\n%s\n%s\nx-image-meta-architecture:x86_64\nx-image-meta-name:data.img\n/images' "$type" "$date" |
		openssl dgst -sha1 -hmac "$VISOR_SECRET_KEY" -binary | base64)
	upload=(curl -sSf -X POST -T "$SOURCE" -H Expect: -H "Transfer-Encoding: chunked"
		-H "Date: $date" -H "Content-Type: $type" -H "Authorization: VISOR $VISOR_ACCESS_KEY:$signature"
		-H "x-image-meta-name: data.img" -H "x-image-meta-architecture: x86_64" "http://127.0.0.1:$1/images")
}
