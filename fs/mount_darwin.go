package fs

import "golang.org/x/sys/unix"

const extraCapabilities = 0

func detach(dir string) error { return unix.Unmount(dir, unix.MNT_FORCE) }
