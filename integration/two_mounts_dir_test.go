//go:build linux

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dirs are those that the files are in, "" being the root.
var dirs = []string{"", "d0", "d1", "d2"}

// noErrno is that of a call that succeeded.
const noErrno = syscall.Errno(0)

func pickDir(rng *rand.Rand) string { return dirs[rng.IntN(len(dirs))] }

func (w *twoMounts) isDir(p string) bool { return slices.Contains(dirs, p) }

// holds tells whether there is a file in a directory.
func (w *twoMounts) holds(dir string) bool {
	return slices.ContainsFunc(w.in(dir), func(p string) bool { return w.now(p) != nil })
}

// agreeAll waits until a mount shows the present state of a directory.
func (w *twoMounts) agreeAll(mount int, dir string) error {
	for _, p := range w.in(dir) {
		if err := w.agree(mount, p); err != nil {
			return err
		}
	}
	return nil
}

// needDir makes a directory in a mount, unless it is there.
func (w *twoMounts) needDir(mount int, dir string) error {
	if dir == "." {
		return nil
	}
	err := os.Mkdir(w.mounts[mount].path(dir), 0o755)
	switch {
	case err == nil:
		w.made[mount][dir] = true
	case errors.Is(err, os.ErrExist):
	default:
		return fmt.Errorf("mount %d: %w", mount, err)
	}
	return nil
}

func (w *twoMounts) mkdir(mount int) (bool, error) {
	dir := dirs[1+w.rng.IntN(len(dirs)-1)]
	if err := w.agreeAll(mount, dir); err != nil {
		return false, err
	}
	if err := w.needDir(mount, dir); err != nil {
		return false, err
	}
	return true, w.lookAtDir(mount, dir)
}

// rmdir removes a directory. One that a mount emptied is found there for some time.
func (w *twoMounts) rmdir(mount int) (bool, error) {
	dir := dirs[1+w.rng.IntN(len(dirs)-1)]
	if err := w.agreeAll(mount, dir); err != nil {
		return false, err
	}
	err := syscall.Rmdir(w.mounts[mount].path(dir))
	if err == nil {
		err = noErrno
	}
	made := w.made[mount][dir]
	var may []syscall.Errno
	switch {
	case w.holds(dir):
		may = []syscall.Errno{syscall.ENOTEMPTY}
	case made:
		may = []syscall.Errno{noErrno}
	default:
		may = []syscall.Errno{noErrno, syscall.ENOENT}
	}
	if !slices.ContainsFunc(may, func(want syscall.Errno) bool { return err == want }) {
		return false, fmt.Errorf("mount %d, rmdir of %s: %w, want one of %v", mount, dir, err, may)
	}
	if err == noErrno {
		w.made[mount][dir] = false
	}
	return true, w.lookAtDir(mount, dir)
}

// lookAtDir checks whether a directory is listed, of which a mount knows the present state.
func (w *twoMounts) lookAtDir(mount int, dir string) error {
	names, err := w.list(mount, "")
	if err != nil {
		return err
	}
	want := w.made[mount][dir] || w.holds(dir)
	if slices.Contains(names, dir) != want {
		return fmt.Errorf("mount %d: the directory %s is listed: %t; it was made there: %t, and has files: %t",
			mount, dir, !want, w.made[mount][dir], w.holds(dir))
	}
	return nil
}

// renameDir renames a directory with files to one without.
func (w *twoMounts) renameDir(mount int) (bool, error) {
	from, to := dirs[1+w.rng.IntN(len(dirs)-1)], dirs[1+w.rng.IntN(len(dirs)-1)]
	if from == to || !w.holds(from) || w.holds(to) {
		return false, nil
	}
	if err := errors.Join(w.agreeAll(mount, from), w.agreeAll(mount, to)); err != nil {
		return false, err
	}
	what := fmt.Sprintf("rename of %s to %s", from, to)
	changes := make(map[string]*event)
	for _, p := range w.in(from) {
		if v := w.now(p); v != nil {
			changes[p] = &event{by: mount, what: what}
			changes[path.Join(to, strings.TrimPrefix(p, from))] = &event{by: mount, what: what, then: v}
		}
	}
	err := w.change(changes, func() error { return unix.Rename(w.mounts[mount].path(from), w.mounts[mount].path(to)) })
	if err != nil {
		return false, fmt.Errorf("mount %d: %w", mount, err)
	}
	w.made[mount][to], w.made[mount][from] = w.made[mount][from], false
	return true, errors.Join(w.lookAtDir(mount, from), w.lookAtDir(mount, to),
		w.lookAll(mount, w.in(from)...), w.lookAll(mount, w.in(to)...))
}
