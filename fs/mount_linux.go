package fs

import (
	"bytes"
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"os/exec"
	"os/user"
	"strconv"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// extraCapabilities spares the kernel from asking for security.capability before each
// write: no image has set-user-id bits or capabilities that a write would clear.
const extraCapabilities = fuse.CAP_HANDLE_KILLPRIV_V2

// checkSystem reports why this user cannot mount anything, and what to do.
func checkSystem() error {
	if err := checkDevice(); err != nil {
		return err
	}
	if os.Geteuid() == 0 {
		return nil
	}
	return checkUser()
}

func checkDevice() error {
	const device = "/dev/fuse"
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	switch {
	case errors.Is(err, iofs.ErrNotExist):
		return fmt.Errorf("%s is missing; load the kernel module with: modprobe fuse (in a container, start it with --device %s --cap-add SYS_ADMIN)", device, device)
	case errors.Is(err, iofs.ErrPermission):
		return fmt.Errorf("%s is closed to you; let users mount with: chmod 666 %s (as root), or run as root", device, device)
	case err != nil:
		return err
	}
	return f.Close()
}

// checkUser says what fusermount3 would say on standard error, where nobody may look.
func checkUser() error {
	if _, err := exec.LookPath(fusermountName); err != nil {
		return errNoFusermount
	}
	if _, err := user.LookupId(strconv.Itoa(os.Getuid())); err != nil {
		return fmt.Errorf("user %d has no name on this machine, and %s mounts for none without; add it to /etc/passwd, or run as root", os.Getuid(), fusermountName)
	}
	return nil
}

// checkAllowOther reports why this user cannot let others in.
func checkAllowOther() error {
	const config = "/etc/fuse.conf"
	if os.Geteuid() != 0 && !hasLine(config, "user_allow_other") {
		return fmt.Errorf("allow_other: only root may let other users in; to let users do so, put the line user_allow_other into %s, or leave it out", config)
	}
	return nil
}

// hasLine reports whether a configuration file has a line of one word.
func hasLine(file, word string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		if string(bytes.TrimSpace(line)) == word {
			return true
		}
	}
	return false
}
