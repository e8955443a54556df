# What the scripts share. To be sourced.

# say prints a line that stands out between the output of commands.
say() {
	if [ -t 1 ]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

fail() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# need_go says where to get Go when it is missing.
need_go() {
	command -v go >/dev/null || fail "Go is missing: install version $(sed -n 's/^go //p' go.mod) or newer from https://go.dev/dl/"
}

# need_packages PACKAGE... installs those Debian packages that are missing; only root
# can, anybody else is told which they are.
need_packages() {
	command -v dpkg-query >/dev/null || { echo "(not a Debian system: make sure to have what these packages hold: $*)"; return; }
	local missing=() package
	for package in "$@"; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -eq 0 ] && return
	[ "$(id -u)" -eq 0 ] || fail "packages are missing; install them with: sudo apt-get install ${missing[*]}"
	say "Installing ${missing[*]}"
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# need_fuse makes sure that the kernel can mount user-space filesystems.
need_fuse() {
	[ -c /dev/fuse ] || modprobe fuse 2>/dev/null || true
	[ -c /dev/fuse ] || fail "/dev/fuse is missing: load the kernel module with 'modprobe fuse' (in a container, start it with --device /dev/fuse --cap-add SYS_ADMIN)"
}

# real_images prints the paths of three bootable images that Debian ships.
real_images() {
	dpkg-query -L grub-rescue-pc 'memtest86+' ipxe | grep -E '/(grub-rescue-cdrom|memtest86\+?x64|ipxe)\.iso$' | xargs readlink -e | sort -u
}
image_packages=(grub-rescue-pc memtest86+ ipxe)
