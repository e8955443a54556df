package fs

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"os/exec"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"
)

// extraCapabilities spares the kernel from asking for security.capability before each
// write: no image has set-user-id bits or capabilities that a write would clear.
const extraCapabilities = fuse.CAP_HANDLE_KILLPRIV_V2

// checkDevice reports why the kernel cannot be asked to mount.
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

// detach unmounts lazily: as root directly, otherwise with the helper.
func detach(dir string) error {
	if unix.Unmount(dir, unix.MNT_DETACH) == nil {
		return nil
	}
	return exec.Command("fusermount3", "-u", "-z", "--", dir).Run()
}
