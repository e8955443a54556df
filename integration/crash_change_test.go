//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

const killedFileBytes = 1_500_000 // the most that is written to a file at once

// change does a random step with one of a hand's files.
func (w *killedMount) change(h *hand) error {
	name := h.name()
	now := h.before[name]
	if now == nil {
		return w.create(h, name)
	}
	switch h.rng.IntN(9) {
	case 0:
		return w.copyIn(h, name)
	case 1:
		return w.rsync(h, name)
	case 2:
		return w.append(h, name)
	case 3:
		return w.patch(h, name)
	case 4:
		return w.truncate(h, name)
	case 5, 6:
		return w.rename(h, name)
	case 7:
		note := fmt.Sprint(h.rng.Uint64())
		return h.step(name, &content{now.data, note}, func() error { return setxattr(w.path(name), "user.visor.note", note) })
	}
	return h.step(name, nil, func() error { return unix.Unlink(w.path(name)) })
}

func (w *killedMount) create(h *hand, name string) error {
	switch h.rng.IntN(4) {
	case 0:
		return w.copyIn(h, name)
	case 1:
		return w.rsync(h, name)
	case 2: // an image without data, which gets some later
		return h.step(name, &content{}, func() error { return os.WriteFile(w.path(name), nil, 0o644) })
	}
	data := h.fresh(killedFileBytes)
	half := len(data) / 2
	return h.step(name, &content{data: data}, func() error {
		_, err := writeExtents(w.path(name), []extent{{half, data[half:]}, {0, data[:half]}})
		return err
	})
}

// source makes a local file of new bytes.
func (w *killedMount) source(h *hand, name string) (path string, data []byte, err error) {
	path, data = filepath.Join(w.sources, name), h.fresh(killedFileBytes)
	return path, data, os.WriteFile(path, data, 0o644)
}

func (w *killedMount) copyIn(h *hand, name string) error {
	source, data, err := w.source(h, name)
	if err != nil {
		return err
	}
	becomes := &content{data: data}
	if now := h.before[name]; now != nil {
		becomes.note = now.note
	}
	return h.step(name, becomes, func() error { return quiet("cp", source, w.path(name)) })
}

// rsync writes a temporary file, and renames that.
func (w *killedMount) rsync(h *hand, name string) error {
	source, data, err := w.source(h, name)
	if err != nil {
		return err
	}
	return h.step(name, &content{data: data}, func() error { return quiet("rsync", "-aI", source, w.path(name)) })
}

// quiet runs a tool whose failure may be right.
func quiet(name string, args ...string) error {
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

func (w *killedMount) append(h *hand, name string) error {
	now, more := h.before[name], h.fresh(300_000)
	return h.step(name, &content{slices.Concat(now.data, more), now.note}, func() error {
		f, err := os.OpenFile(w.path(name), os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		return writeAll(f, extent{len(now.data), more})
	})
}

// patch changes a file in place, twice: what fsync ends is kept, whatever becomes of the rest.
func (w *killedMount) patch(h *hand, name string) error {
	f, err := os.OpenFile(w.path(name), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	now := h.before[name]
	for _, end := range []func() error{f.Sync, f.Close} {
		at := extent{h.rng.IntN(len(now.data) + 1), h.fresh(200_000)}
		next := &content{overlaid(bytes.Clone(now.data), at.data, at.off), now.note}
		err := h.step(name, next, func() error {
			if _, err := f.WriteAt(at.data, int64(at.off)); err != nil {
				return err
			}
			return end()
		})
		if err != nil {
			_ = f.Close()
			return err
		}
		now = next
	}
	return nil
}

func (w *killedMount) truncate(h *hand, name string) error {
	now := h.before[name]
	size := 1 + h.rng.IntN(len(now.data)+100_000)
	data := make([]byte, size)
	copy(data, now.data)
	if size == len(now.data) {
		return nil
	}
	return h.step(name, &content{data, now.note}, func() error {
		f, err := os.OpenFile(w.path(name), os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := f.Truncate(int64(size)); err != nil {
			_ = f.Close()
			return err
		}
		return f.Close()
	})
}

// rename gives a file the name of the hand's other one, which may be there.
func (w *killedMount) rename(h *hand, name string) error {
	to := h.name()
	if to == name {
		return nil
	}
	return h.steps(contents{name: nil, to: h.before[name]}, func() error { return unix.Rename(w.path(name), w.path(to)) })
}

// writeAll writes a range of a file, and closes that.
func writeAll(f *os.File, e extent) error {
	if _, err := f.Write(e.data); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}
