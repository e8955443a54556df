#!/usr/bin/env bash
# Builds the packages twice, which must give the same; installs the Debian one, uses what
# it installed, and removes it again. For root, on a Debian machine where visorfs is not
# installed; scripts/test runs it.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

if [ "$(id -u)" -ne 0 ]; then
	[ -z "${CI:-}" ] || fail "only root can install a package"
	echo "(skipped: only root can install a package)"
	exit 0
fi
if dpkg-query -W -f '${Status}' visorfs 2>/dev/null | grep -q 'ok installed' || [ -e /usr/bin/visorfs ]; then
	fail "visorfs is installed here already; remove it, so that this test can install and remove its own"
fi

tmp=$(mktemp -d)
server=
mounted=
fuse_mode=$(stat -c %a /dev/fuse)
cleanup() {
	set +e
	[ -z "$mounted" ] || umount -l "$mounted" 2>/dev/null
	chmod "$fuse_mode" /dev/fuse
	[ ! -e "$tmp/fstab" ] || cat "$tmp/fstab" >/etc/fstab
	[ -z "$server" ] || kill "$server" 2>/dev/null
	wait
	dpkg-query -W visorfs >/dev/null 2>&1 && dpkg --purge visorfs >/dev/null
	rm -rf --one-file-system "$tmp"
}
trap cleanup EXIT

# wait_for FILE PROCESS waits for the line that a program says it is ready with.
wait_for() {
	until [ -s "$1" ]; do
		kill -0 "$2" 2>/dev/null || fail "it ended before it was ready"
		sleep 0.1
	done
}

# want WHAT WANTED GOT compares.
want() { [ "$2" = "$3" ] || fail "$1: want '$2', got '$3'"; }

architecture=$(dpkg --print-architecture)
for build in first second; do
	make -s package DIST="$tmp/$build" ARCHITECTURES="$architecture" >/dev/null
	(cd "$tmp/$build" && sha256sum -- *.deb *.rpm >"$tmp/$build.sums")
done
diff "$tmp/first.sums" "$tmp/second.sums" || fail "two builds of the packages differ"
cat "$tmp/first.sums"
deb=$(echo "$tmp"/first/*.deb)
rpm=$(echo "$tmp"/first/*.rpm)

for file in bin/visorfs sbin/mount.visorfs share/man/man1/visorfs-mount.1.gz share/man/man8/mount.visorfs.8.gz \
	share/bash-completion/completions/visorfs share/fish/vendor_completions.d/visorfs.fish \
	lib/systemd/system/visorfs@.service share/doc/visorfs/examples/visor-config.yml; do
	bsdtar -tf "$rpm" | grep -qx "\(\./\|/\)\?usr/$file" || fail "$rpm has no /usr/$file"
done
if command -v lintian >/dev/null; then
	# Go links statically, and there is no address of a maintainer yet.
	lintian --allow-root --fail-on error --suppress-tags statically-linked-binary,bogus-mail-host,bogus-mail-host-in-debian-changelog "$deb"
fi

dpkg -i "$deb" >/dev/null
dpkg -L visorfs >"$tmp/files"
want "the version" "visorfs version $(go version -m /usr/bin/visorfs | awk '$1 == "mod" { print $3 }')" "$(visorfs --version)"
for helper in /sbin/mount.visorfs /sbin/mount.fuse.visorfs; do
	want "$helper" /usr/bin/visorfs "$(readlink -e "$helper")"
done
for page in visorfs visorfs-mount visorfs-image-get mount.visorfs; do
	path=$(man -w "$page") || fail "no manual page $page"
	LC_ALL=C man --warnings "$page" 2>&1 >/dev/null | sed 's/^/man: /' | tee "$tmp/man"
	[ ! -s "$tmp/man" ] || fail "$path has errors"
done

export HOME=$tmp VISOR_ACCESS_KEY=foo VISOR_SECRET_KEY=bar
cd "$tmp"
visorfs serve --listen 127.0.0.1:0 --data "$tmp/data" >"$tmp/serve" 2>"$tmp/serve.log" &
server=$!
wait_for "$tmp/serve" "$server"
url=$(sed -n 's/.* at \(http:.*\)/\1/p' "$tmp/serve")
export VISOR_HOST=127.0.0.1 VISOR_PORT=${url##*:}
head -c 300000 /dev/urandom >debian-12.iso
visorfs image add --quiet debian-12.iso >/dev/null
visorfs image add --quiet debian-12.iso 'name=ubuntu 24.iso' >/dev/null
visorfs image add --quiet debian-12.iso 'name=$(touch injected).iso' >/dev/null

# offered LINE prints what bash offers at the end of a line, without descriptions.
# bash-completion finds the installed file by itself.
offered() {
	bash --norc -c '
		. /usr/share/bash-completion/bash_completion
		_completion_loader visorfs
		complete -p visorfs | grep -q __start_visorfs || exit 1
		COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
		read -ra COMP_WORDS <<<"${1//=/ = }" # as bash splits them
		COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		__start_visorfs 2>/dev/null # compopt is for the real thing alone
		printf "%s\n" "${COMPREPLY[@]}"' bash "$1" | sed 's/  .*//'
}
want "a command" mount "$(offered 'visorfs mo')"
want "a value" private "$(offered 'visorfs image update debian-12.iso access=pr')"
want "an image" debian-12.iso "$(offered 'visorfs image show deb')"
want "an image with a blank" 'ubuntu\ 24.iso' "$(offered 'visorfs image get ubu')"
want "an image that looks like a command" '\$\(touch\ injected\).iso' "$(offered 'visorfs image get \$')"
[ ! -e injected ] || fail "completing ran what the name of an image says"
for shell in zsh fish; do
	! command -v $shell >/dev/null || visorfs completion $shell | $shell -n /dev/stdin
done

mkdir images
visorfs mount "$tmp/images" >"$tmp/mount" 2>"$tmp/mount.log" &
mounted=$tmp/images
wait_for "$tmp/mount" $!
cmp debian-12.iso images/debian-12.iso
cp debian-12.iso images/copy.iso
want "the copy" "$(md5sum <debian-12.iso | cut -d' ' -f1)" "$(visorfs image show copy.iso | awk '$1 == "checksum" { print $2 }')"
visorfs umount images
wait $! || fail "the mount failed: $(cat "$tmp/mount.log")"
XDG_STATE_HOME=$tmp mount -t visorfs -o ro,umask=077 "$url" "$tmp/images" # by the installed helper
cmp debian-12.iso images/debian-12.iso
want "the mounts that are offered" "$tmp/images" "$(offered "visorfs umount $tmp")"
visorfs umount images
mounted=

# The same as an ordinary user, with nothing but a configuration file.
home=$tmp/home
mkdir -p "$home/.visor" "$home/images"
cat >"$home/.visor/visor-config.yml" <<END
visor_image:
  bind_host: 127.0.0.1
  bind_port: $VISOR_PORT
  access_key: foo
  secret_key: bar
visorfs:
  metadata-ttl: 10s
END
chmod 755 "$tmp"
chmod 600 "$home/.visor/visor-config.yml"
chown -R nobody:nogroup "$home"
chmod 666 /dev/fuse # as on usual machines; in a container it may be root's alone
as_user() {
	(cd "$home" && exec setpriv --reuid=nobody --regid=nogroup --clear-groups \
		env -i PATH="$PATH" HOME="$home" XDG_STATE_HOME="$home/state" "$@")
}
# use_images WHAT copies in and out, as the user, and looks.
use_images() {
	cat debian-12.iso | as_user tee "images/$1.iso" >/dev/null
	as_user cmp "images/$1.iso" images/debian-12.iso || fail "$1: the copy is another"
	want "$1: ls" "$1.iso" "$(as_user ls images | grep "^$1")"
	want "$1: the owner" nobody "$(as_user stat -c %U "images/$1.iso")"
}
want "where a setting comes from" "$home/.visor/visor-config.yml" "$(as_user visorfs config | awk '$1 == "metadata-ttl" { print $3 }' | cut -d: -f1)"
mounted=$home/images
as_user visorfs mount --daemon images >/dev/null
use_images by-hand
kill -9 "$(pgrep -u nobody -f "^visorfs mount")"
as_user visorfs mount --daemon images >/dev/null # over what the killed one left
as_user cmp images/by-hand.iso images/debian-12.iso
as_user visorfs umount images

# By a line of /etc/fstab that users may mount.
cp -p /etc/fstab "$tmp/fstab"
# (mount(8) takes the environment away, and nobody has no home in /etc/passwd)
echo "none $home/images visorfs noauto,user,_netdev,config=$home/.visor/visor-config.yml,spool_dir=$home/spool 0 0" >>/etc/fstab
as_user mount "$home/images"
use_images by-fstab
as_user visorfs umount images
cat "$tmp/fstab" >/etc/fstab

# As the unit does, whose command it is, with its variables.
unit=/usr/lib/systemd/system/visorfs@.service
command=$(sed -n 's/^ExecStart=//p' "$unit")
want "the unit's command" "/usr/bin/visorfs mount -- \${VISORFS_MOUNTPOINT}" "$command"
(cd / && exec setpriv --reuid=nobody --regid=nogroup --clear-groups env -i HOME="$home" VISORFS_MOUNTPOINT="$home/images" \
	VISORFS_URL="$url" VISOR_ACCESS_KEY=foo VISOR_SECRET_KEY=bar VISORFS_STOP_TIMEOUT=60s PATH="$PATH" \
	bash -c "exec $command") >"$tmp/unit" 2>"$tmp/unit.log" &
unit_process=$!
wait_for "$tmp/unit" "$unit_process"
use_images by-unit
kill "$unit_process" # as systemctl stop does
wait "$unit_process" || fail "the unit's command failed: $(cat "$tmp/unit.log")"
mounted=
want "what is mounted in the end" "" "$(grep " $home" /proc/mounts || true)"
cp -r "$home/state/visorfs/." "$tmp/visorfs/"

cat "$tmp"/visorfs/*.log >"$tmp/daemon.log"
! grep -E 'level=(WARN|ERROR)' "$tmp"/*.log || fail "there are warnings"
kill "$server"
wait "$server" || fail "the server failed: $(cat "$tmp/serve.log")"
server=

dpkg --purge visorfs >/dev/null
while read -r path; do
	case $path in */visorfs | */visorfs/*) ;; *) [ ! -d "$path" ] || continue ;; esac # other packages' directories stay
	[ ! -e "$path" ] && [ ! -L "$path" ] || fail "$path is left after the removal"
done <"$tmp/files"
echo "the package was built, installed, used and removed"
