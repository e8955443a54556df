package main

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/visorfs/visorfs/cache/disk"
	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/spool"
)

// openDisk opens the disk cache, if one is asked for.
func (m *mountFlags) openDisk(mountpoint string, logger *slog.Logger) (*disk.Store, error) {
	if m.cacheDir == "" {
		return nil, nil
	}
	if err := checkOutside("cache-dir", m.cacheDir, mountpoint); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(m.cacheDir) // a daemon goes elsewhere
	if err != nil {
		return nil, fmt.Errorf("--cache-dir: %w", err)
	}
	store, err := disk.Open(disk.Options{Dir: dir, Bytes: int64(m.cacheSize), Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("--cache-dir: %w", err)
	}
	return store, nil
}

// openSpool opens the directory for what is being written.
func (m *mountFlags) openSpool(mountpoint string, logger *slog.Logger) (*spool.Dir, error) {
	dir := cmp.Or(m.spoolDir, defaultSpool())
	if err := checkOutside("spool-dir", dir, mountpoint); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("--spool-dir: %w", err)
	}
	s, err := spool.Open(spool.Options{Dir: dir, MaxBytes: int64(m.spoolSize), Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("--spool-dir: %w", err)
	}
	return s, nil
}

// defaultSpool is on a disk, unlike many a temporary directory: images are large.
func defaultSpool() string {
	if dir, err := os.UserCacheDir(); err == nil {
		return filepath.Join(dir, "visorfs", "spool")
	}
	return fmt.Sprintf("/var/tmp/visorfs-%d/spool", os.Getuid())
}

// checkOutside refuses a directory of a flag that is below the mountpoint.
func checkOutside(flag, dir, mountpoint string) error {
	inside, err := isInside(dir, mountpoint)
	switch {
	case err != nil:
		return fmt.Errorf("--%s: %w", flag, err)
	case inside:
		return usageError{fmt.Errorf("--%s %s is inside the mountpoint %s; choose one outside", flag, dir, mountpoint)}
	}
	return nil
}

// isInside reports whether a path, which need not exist, is below a directory.
func isInside(path, dir string) (bool, error) {
	var err error
	if path, err = filepath.Abs(path); err != nil {
		return false, err
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return false, err
	}
	path = realPath(path)
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	rel, err := filepath.Rel(dir, path)
	return err == nil && (rel == "." || filepath.IsLocal(rel)), nil
}

// realPath resolves the symbolic links of what there is of a path.
func realPath(path string) string {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		return real
	}
	if parent := filepath.Dir(path); parent != path {
		return filepath.Join(realPath(parent), filepath.Base(path))
	}
	return path
}

// closeStores closes what a mount that did not come about would have closed.
func closeStores(o fs.Options) error {
	var disk, spool error
	if o.Disk != nil {
		disk = o.Disk.Close()
	}
	if o.Spool != nil {
		spool = o.Spool.Close()
	}
	return errors.Join(disk, spool)
}
