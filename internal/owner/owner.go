// Package owner tells whether files and directories are their user's alone, so that what
// is kept there can be believed.
package owner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// CheckDir refuses a directory in which another user could change what is there, or that
// another could put something else in place of: one that is a link, belongs to another,
// or can be written by others, and one below a directory that is so. The error says which, and
// of those that are about dir itself, names the flag to give another with.
func CheckDir(dir, flag string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link; name the directory itself", dir)
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	case idOf(info) != os.Geteuid():
		return fmt.Errorf("%s belongs to another user; give a %s of your own", dir, flag)
	case info.Mode().Perm()&0o022 != 0:
		return fmt.Errorf("others may write to %s (mode %04o); chmod 700 it", dir, info.Mode().Perm())
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := checkAbove(dir); err != nil {
		return fmt.Errorf("%w; give a %s elsewhere", err, flag)
	}
	return nil
}

// checkAbove refuses a path on which another user can rename a directory, or lead a link
// elsewhere. Users in the directory's group are trusted there: many a home has such a mode.
func checkAbove(path string) error {
	for step := path; filepath.Dir(step) != step; {
		step = filepath.Dir(step)
		info, err := os.Lstat(step)
		if err != nil {
			return err
		}
		sticky := info.Mode()&fs.ModeSticky != 0
		switch id := idOf(info); {
		case id != 0 && id != os.Geteuid():
			return fmt.Errorf("another user could replace %s: %s belongs to one", path, step)
		case info.IsDir() && info.Mode().Perm()&0o002 != 0 && !sticky:
			return fmt.Errorf("another user could replace %s: everybody may write to %s", path, step)
		}
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil || real == path {
		return err
	}
	return checkAbove(real) // the links on the way are nobody else's
}

// CheckFile refuses a file that isn't a regular one, belongs to another user, who then could
// change it, or has a second name, which may be where others can.
func CheckFile(info fs.FileInfo) error {
	switch stat := info.Sys().(*syscall.Stat_t); {
	case !info.Mode().IsRegular():
		return errors.New("not a regular file")
	case idOf(info) != os.Geteuid():
		return errors.New("it belongs to another user")
	case stat.Nlink > 1:
		return errors.New("it has another name, too")
	}
	return nil
}

// Open opens a file that passes CheckFile, or has it made if flag says so. It doesn't follow
// a link, doesn't wait for the other end of a pipe, and truncates no other file.
func Open(path string, flag int) (*os.File, error) {
	f, err := os.OpenFile(path, flag&^os.O_TRUNC|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = CheckFile(info)
	}
	if err == nil && flag&os.O_TRUNC != 0 {
		err = f.Truncate(0)
	}
	if err != nil {
		_ = f.Close()
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return f, nil
}

func idOf(info fs.FileInfo) int { return int(info.Sys().(*syscall.Stat_t).Uid) }
