package fs

import (
	"bytes"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"golang.org/x/sys/unix"
)

// Unmount removes the topmost mount from a directory: as root directly, otherwise with
// fusermount3. One that is in use is ErrInUse, unless lazy: then it disappears at once,
// and ends when nobody uses it any more.
func Unmount(dir string, lazy bool) error {
	flags := unix.UMOUNT_NOFOLLOW
	if lazy {
		flags |= unix.MNT_DETACH
	}
	err := unix.Unmount(dir, flags)
	switch {
	case errors.Is(err, unix.EPERM):
		return fusermount(dir, lazy)
	case errors.Is(err, unix.EBUSY):
		return ErrInUse
	case err != nil:
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	return nil
}

// fusermount unmounts what a user mounted.
func fusermount(dir string, lazy bool) error {
	args := []string{"-u"}
	if lazy {
		args = append(args, "-z")
	}
	cmd := exec.Command(fusermountName, append(args, "--", dir)...)
	cmd.Env = append(cmd.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return errNoFusermount
	case bytes.Contains(bytes.ToLower(out), []byte(unix.EBUSY.Error())): // all that it tells
		return ErrInUse
	case len(out) > 0:
		return fmt.Errorf("unmount %s: %s", dir, strings.TrimSpace(string(out)))
	}
	return fmt.Errorf("unmount %s: %s: %w", dir, fusermountName, err)
}

const fusermountName = "fusermount3"

var errNoFusermount = errors.New(fusermountName + " is missing, which mounts and unmounts for users; install the package fuse3, or run as root")

func isVisorfs(fstype string) bool { return fstype == "fuse.visorfs" }
