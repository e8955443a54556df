# An sshd for sshfs, with keys of this run.
# shellcheck shell=bash disable=SC2154

ssh_options=()

start_sshd() {
	[ ! -e "$RUN/ssh_host" ] || return 0
	ssh-keygen -q -t ed25519 -N '' -f "$RUN/ssh_host"
	ssh-keygen -q -t ed25519 -N '' -f "$RUN/ssh_user"
	ssh_options=(-o IdentityFile="$RUN/ssh_user" -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null)
	mkdir -p /run/sshd
	server /usr/sbin/sshd -D -f /dev/null -o Port="$SSH_PORT" -o ListenAddress=127.0.0.1 -o HostKey="$RUN/ssh_host" \
		-o AuthorizedKeysFile="$RUN/ssh_user.pub" -o StrictModes=no -o PermitRootLogin=yes -o PidFile=none \
		-o Subsystem="sftp internal-sftp"
	wait_port "$SSH_PORT"
}

# serve_sshfs PORT FOLDER mounts a folder of this machine at $dir.
serve_sshfs() { serve sshfs -f -p "$1" "${ssh_options[@]}" "root@127.0.0.1:$2" "$dir"; }
