package fs

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// CheckMountpoint reports why a directory cannot be mounted on, or nothing can, and what
// to do.
func CheckMountpoint(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, syscall.ENOTCONN):
		return fmt.Errorf("%s: a mount that died is still there; remove it with: fusermount3 -u %s (or umount %s)", dir, dir, dir)
	case errors.Is(err, iofs.ErrNotExist):
		return fmt.Errorf("%s does not exist; make it with: mkdir -p %s", dir, dir)
	case errors.Is(err, iofs.ErrPermission): // perhaps somebody else's mount
	case err != nil:
		return fmt.Errorf("mountpoint: %w; choose a directory of your own", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory; a mountpoint is", dir)
	}
	switch on, failed := FindMount(dir); {
	case failed != nil:
		return failed
	case on != nil && on.Type == autofs:
		return checkSystem() // to look inside would wait for this very mount
	case on != nil && on.IsVisorfs():
		return fmt.Errorf("%s is already mounted on %s; unmount it with: visorfs umount %s, or choose another directory", on.Source, dir, dir)
	case on != nil:
		return fmt.Errorf("%s is a mountpoint already, of a filesystem of type %s; unmount it with: umount %s, or choose another directory", dir, on.Type, dir)
	case err != nil:
		return fmt.Errorf("mountpoint: %w; choose a directory of your own", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("mountpoint: %w; choose a directory of your own", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty (it has %s), and a mount would hide what is in it; choose an empty directory", dir, entries[0].Name())
	}
	if os.Geteuid() != 0 && unix.Access(dir, unix.W_OK) != nil {
		return fmt.Errorf("%s: you may not write there, and users may mount only where they may; choose a directory of your own, or run as root", dir)
	}
	return checkSystem()
}

// autofs is the type of what systemd (x-systemd.automount) puts on a directory that is to
// be mounted on when somebody looks into it.
const autofs = "autofs"

// RecoverMountpoint removes what a visorfs that was killed has left mounted on a directory,
// and logs it. A dead mount of another filesystem is an error, which says what to do; of a
// directory on which nothing is dead there is nothing to do.
func RecoverMountpoint(dir string, log *slog.Logger) error {
	for isDead(dir) {
		on, err := FindMount(dir)
		switch {
		case err != nil:
			return err
		case on == nil || !on.IsVisorfs():
			return fmt.Errorf("%s: a mount that died is still there, and it is none of visorfs%s; remove it with: umount %s (or fusermount3 -u %s)", dir, typeOf(on), dir, dir)
		}
		if err := on.removeDead(); err != nil {
			return fmt.Errorf("%s: a visorfs mount that died is still there, and cannot be removed: %w; as root, run: umount -l %s", dir, err, dir)
		}
		log.Info("removed what a visorfs that died had left mounted", "mountpoint", dir, "source", on.Source)
	}
	return nil
}

// removeDead removes a mount whose program is gone.
func (e *Entry) removeDead() error {
	if e.IsKilled() {
		return e.Free()
	}
	return Unmount(e.Dir, true)
}

// isDead reports whether the program behind a mount is gone. For a moment the kernel still
// knows the attributes of the directory; of a visorfs that is alive the last question is
// answered at once.
func isDead(dir string) bool {
	on, failed := FindMount(dir)
	ours := failed == nil && on != nil && on.IsVisorfs()
	if ours && on.IsKilled() { // and would not answer
		return true
	}
	if _, err := os.Stat(dir); err != nil {
		return errors.Is(err, syscall.ENOTCONN)
	}
	if !ours {
		return false
	}
	_, err := unix.Getxattr(dir, UploadsAttribute, nil)
	return errors.Is(err, syscall.ENOTCONN)
}

func typeOf(on *Entry) string {
	if on == nil {
		return ""
	}
	return " (its type is " + on.Type + ")"
}
