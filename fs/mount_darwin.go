package fs

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

const extraCapabilities = 0

// checkSystem has nothing to look at: macFUSE loads its device when it mounts.
func checkSystem() error { return nil }

// checkAllowOther has nothing to look at: macFUSE knows who may.
func checkAllowOther() error { return nil }

// raiseReadahead has nothing to raise.
func raiseReadahead(*Entry) error { return nil }

// Unmount removes the topmost mount from a directory. One that is in use is ErrInUse,
// unless lazy: then it ends at once, for those who use it as well.
func Unmount(dir string, lazy bool) error {
	flags := 0
	if lazy {
		flags = unix.MNT_FORCE
	}
	err := unix.Unmount(dir, flags)
	if errors.Is(err, unix.EBUSY) {
		return ErrInUse
	}
	if err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// isVisorfs is all that can be told: no subtype is listed.
func isVisorfs(fstype string) bool {
	return strings.Contains(fstype, "fuse")
}

// Users cannot be told without the help of lsof.
func (e *Entry) Users() []User { return nil }
