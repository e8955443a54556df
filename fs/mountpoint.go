package fs

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// CheckMountpoint reports why a directory cannot be mounted on, and what to do.
func CheckMountpoint(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, syscall.ENOTCONN):
		return fmt.Errorf("%s: a mount that died is still there; remove it with: fusermount3 -u %s (or umount %s)", dir, dir, dir)
	case errors.Is(err, iofs.ErrNotExist):
		return fmt.Errorf("%s does not exist; make it with: mkdir -p %s", dir, dir)
	case err != nil:
		return fmt.Errorf("mountpoint: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory; a mountpoint is", dir)
	}
	if mounted(dir, info) {
		return fmt.Errorf("%s is a mountpoint already; unmount it with: umount %s, or choose another directory", dir, dir)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("mountpoint: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty (it has %s), and a mount would hide what is in it; choose an empty directory", dir, entries[0].Name())
	}
	return nil
}

// mounted reports whether a directory is on another filesystem than its parent.
func mounted(dir string, info os.FileInfo) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	parent, err := os.Stat(filepath.Dir(real))
	if err != nil {
		return false
	}
	return device(info) != device(parent)
}

// realPath returns a path as the kernel lists it.
func realPath(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return "", fmt.Errorf("mountpoint: %w", err)
	}
	return filepath.Abs(dir)
}

func device(info os.FileInfo) uint64 {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Dev)
	}
	return 0
}
