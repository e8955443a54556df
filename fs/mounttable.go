package fs

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/moby/sys/mountinfo"
)

// Entry is a mount as the system lists it.
type Entry struct {
	Dir    string // absolute, without symbolic links
	Type   string // of the filesystem, like "fuse.visorfs"
	Source string // what is mounted, like "http://vis:4568"

	id     int    // of the mount
	device string // of the filesystem, "major:minor"
}

// IsVisorfs reports whether the mount is one of this program, whichever process serves it.
func (e *Entry) IsVisorfs() bool { return isVisorfs(e.Type) }

// FindMount returns what is mounted on a directory, the topmost if there are several, or
// nil. It doesn't ask the mounted filesystem anything: that may be dead.
func FindMount(dir string) (*Entry, error) {
	path, err := realPath(dir)
	if err != nil {
		return nil, err
	}
	mounts, err := mountinfo.GetMounts(func(info *mountinfo.Info) (skip, stop bool) { return info.Mountpoint != path, false })
	if err != nil {
		return nil, fmt.Errorf("list of mounts: %w", err)
	}
	if len(mounts) == 0 {
		return nil, nil
	}
	return newEntry(mounts[len(mounts)-1]), nil
}

// Mounts returns all mounts of this program.
func Mounts() ([]*Entry, error) {
	mounts, err := mountinfo.GetMounts(func(info *mountinfo.Info) (skip, stop bool) { return !isVisorfs(info.FSType), false })
	if err != nil {
		return nil, fmt.Errorf("list of mounts: %w", err)
	}
	entries := make([]*Entry, len(mounts))
	for i, info := range mounts {
		entries[i] = newEntry(info)
	}
	return entries, nil
}

func newEntry(info *mountinfo.Info) *Entry {
	return &Entry{
		Dir: info.Mountpoint, Type: info.FSType, Source: info.Source,
		id: info.ID, device: fmt.Sprintf("%d:%d", info.Major, info.Minor),
	}
}

// realPath returns a path as the kernel lists it. The path itself is not asked for more
// than whether it is a symbolic link, which the kernel knows without the filesystem.
func realPath(dir string) (string, error) {
	const mostLinks = 40 // as the kernel's
	dir, err := filepath.Abs(dir)
	for range mostLinks {
		if err != nil {
			break
		}
		var parent string
		if parent, err = filepath.EvalSymlinks(filepath.Dir(dir)); err != nil {
			break
		}
		dir = filepath.Join(parent, filepath.Base(dir))
		target, notLink := os.Readlink(dir)
		if notLink != nil {
			return dir, nil
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(parent, target)
		}
		dir = target
	}
	if err == nil {
		err = fmt.Errorf("%s: too many symbolic links", dir)
	}
	return "", fmt.Errorf("mountpoint: %w", err)
}
