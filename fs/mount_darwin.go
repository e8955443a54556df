package fs

import "golang.org/x/sys/unix"

const extraCapabilities = 0

// checkDevice has nothing to look at: macFUSE loads its device when it mounts.
func checkDevice() error { return nil }

func detach(dir string) error { return unix.Unmount(dir, unix.MNT_FORCE) }

// raiseReadahead has nothing to raise.
func raiseReadahead(string) error { return nil }
