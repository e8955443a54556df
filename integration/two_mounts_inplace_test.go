//go:build linux

package integration

import (
	"errors"
	"os"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

func (w *twoMounts) copyOver(mount int) (bool, error) {
	return w.inPlace(mount, "cp over", func(v *version) func(string) error {
		v.data = w.data()
		return func(path string) error { return w.copies("cp", v.data, path) }
	})
}

// inPlace changes a file.
func (w *twoMounts) inPlace(mount int, what string, change func(*version) func(path string) error) (bool, error) {
	p, err := w.pick(mount, true)
	if p == "" || err != nil {
		return false, err
	}
	var do func(string) error
	v := w.with(p, func(v *version) { do = change(v) })
	return true, w.make(mount, what, p, v, true, do)
}

func (w *twoMounts) setNote(mount int) (bool, error) {
	return w.inPlace(mount, "setfattr", func(v *version) func(string) error {
		if v.note != "" && w.rng.IntN(3) == 0 {
			v.note = ""
			return func(path string) error { return unix.Removexattr(path, noteXattr) }
		}
		v.note = strconv.FormatUint(w.rng.Uint64(), 36)
		return func(path string) error { return setxattr(path, noteXattr, v.note) }
	})
}

func (w *twoMounts) chmod(mount int) (bool, error) {
	return w.inPlace(mount, "chmod", func(v *version) func(string) error {
		v.private = !v.private
		mode := map[bool]os.FileMode{true: 0o600, false: 0o644}[v.private]
		return func(path string) error { return os.Chmod(path, mode) }
	})
}

func (w *twoMounts) truncate(mount int) (bool, error) {
	return w.inPlace(mount, "truncation", func(v *version) func(string) error {
		size := pick(w.rng, 0, w.rng.IntN(len(v.data)+1), len(v.data)+w.rng.IntN(8<<10))
		v.data = within(append(slices.Clip(v.data), make([]byte, max(0, size-len(v.data)))...), 0, size)
		return func(path string) error { return os.Truncate(path, int64(size)) }
	})
}

func (w *twoMounts) append(mount int) (bool, error) {
	return w.inPlace(mount, "append", func(v *version) func(string) error {
		more := append(w.data(), 'x')
		v.data = append(slices.Clip(v.data), more...)
		return func(path string) error { return appendTo(path, more) }
	})
}

func appendTo(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}
