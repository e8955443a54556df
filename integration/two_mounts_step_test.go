//go:build linux

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const noteXattr = "user.visor.note"

// action is something that a step does through a mount. It does nothing, and returns false,
// where it makes no sense.
type action struct {
	times int // how often, among others
	do    func(w *twoMounts, mount int) (bool, error)
}

var actions = []action{
	{12, (*twoMounts).create}, {8, (*twoMounts).copyOver}, {6, (*twoMounts).rsyncOver},
	{6, (*twoMounts).rename}, {6, (*twoMounts).renameOver}, {4, (*twoMounts).delete},
	{8, (*twoMounts).setNote}, {5, (*twoMounts).chmod}, {5, (*twoMounts).truncate}, {5, (*twoMounts).append},
	{2, (*twoMounts).mkdir}, {3, (*twoMounts).rmdir}, {2, (*twoMounts).renameDir},
	{10, (*twoMounts).lookSomewhere}, {5, (*twoMounts).listSomewhere}, {5, (*twoMounts).holdSomething}, {8, (*twoMounts).lookBackAtSomething},
}

func pickAction(rng *rand.Rand) action {
	sum := 0
	for _, a := range actions {
		sum += a.times
	}
	n := rng.IntN(sum)
	for _, a := range actions {
		if n -= a.times; n < 0 {
			return a
		}
	}
	panic("no action")
}

// pick returns a path where there is a file, or none, as a mount knows; "" if there is no
// such path. Mostly it takes one that needs no waiting.
func (w *twoMounts) pick(mount int, exists bool) (string, error) {
	patient := w.rng.IntN(6) == 0
	for range 50 {
		p := w.all[w.rng.IntN(len(w.all))]
		if (w.now(p) != nil) == exists && (patient || w.knows(p, mount)) {
			return p, w.agree(mount, p)
		}
	}
	return "", nil
}

// agree waits until a mount shows the present state of a path. That it does in time is
// checked with each look.
func (w *twoMounts) agree(mount int, p string) error {
	for !w.knows(p, mount) {
		e, err := w.look(mount, p)
		if err != nil {
			return err
		}
		if e != nil && w.isAlone(mount, p) {
			w.learn(e, mount)
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}

// isAlone tells whether a mount shows no other image of a path's name: while it does it
// would refuse a rename over the file.
func (w *twoMounts) isAlone(mount int, p string) bool {
	entries, err := os.ReadDir(w.mounts[mount].path(path.Dir(p)))
	stem := strings.TrimSuffix(path.Base(p), path.Ext(p)) + "~"
	return !slices.ContainsFunc(entries, func(entry os.DirEntry) bool { return strings.HasPrefix(entry.Name(), stem) }) &&
		(err == nil || errors.Is(err, os.ErrNotExist))
}

// make changes what is at one path.
func (w *twoMounts) make(mount int, what, p string, then *version, inPlace bool, do func(path string) error) error {
	err := w.change(map[string]*event{p: {by: mount, what: what, then: then, inPlace: inPlace}}, func() error {
		return do(w.mounts[mount].path(p))
	})
	if err != nil {
		return fmt.Errorf("mount %d, %s of %s: %w", mount, what, p, err)
	}
	if inPlace && then != nil {
		w.changed(mount, then)
	}
	_, err = w.look(mount, p)
	return err
}

// data returns bytes that no other file has, if they are more than a few.
func (w *twoMounts) data() []byte {
	var key [32]byte
	copy(key[:], strconv.FormatUint(w.rng.Uint64(), 16))
	data := make([]byte, pick(w.rng, 0, 1+w.rng.IntN(20), 1+w.rng.IntN(8<<10), 1+w.rng.IntN(120<<10)))
	_, _ = rand.NewChaCha8(key).Read(data) // never fails
	return data
}

func (w *twoMounts) newVersion() *version {
	w.files++
	return &version{file: w.files, data: w.data()}
}

// with returns what is at a path, changed.
func (w *twoMounts) with(p string, change func(*version)) *version {
	v := *w.now(p)
	change(&v)
	return &v
}

func (w *twoMounts) create(mount int) (bool, error) {
	p, err := w.pick(mount, false)
	if p == "" || err != nil {
		return false, err
	}
	if err := w.needDir(mount, path.Dir(p)); err != nil {
		return false, err
	}
	v := w.newVersion()
	return true, w.make(mount, "creation", p, v, true, func(path string) error { return os.WriteFile(path, v.data, 0o644) })
}

// copies runs a tool that copies a file to a path.
func (w *twoMounts) copies(name string, data []byte, to string, options ...string) error {
	source := filepath.Join(w.sources, "source.img")
	if err := os.WriteFile(source, data, 0o644); err != nil {
		return err
	}
	r := try(w.t, name, append(options, source, to)...)
	if r.code != 0 || r.stderr != "" {
		return fmt.Errorf("%s: exit code %d: %s", name, r.code, r.stderr)
	}
	return nil
}

// rsyncOver replaces a file as rsync does, by another that was written beside it.
func (w *twoMounts) rsyncOver(mount int) (bool, error) {
	p, err := w.pick(mount, true)
	if p == "" || err != nil {
		return false, err
	}
	v := w.newVersion()
	v.private = w.now(p).private // which rsync keeps
	return true, w.make(mount, "rsync over", p, v, false, func(path string) error {
		return w.copies("rsync", v.data, path, "--whole-file", "--ignore-times")
	})
}

func (w *twoMounts) rename(mount int) (bool, error) { return w.renameTo(mount, false) }

func (w *twoMounts) renameOver(mount int) (bool, error) { return w.renameTo(mount, true) }

func (w *twoMounts) renameTo(mount int, exists bool) (bool, error) {
	from, err := w.pick(mount, true)
	if from == "" || err != nil {
		return false, err
	}
	to, err := w.pick(mount, exists)
	if to == "" || to == from || err != nil {
		return false, err
	}
	if err := w.needDir(mount, path.Dir(to)); err != nil {
		return false, err
	}
	what := fmt.Sprintf("rename of %s to %s", from, to)
	err = w.change(map[string]*event{
		from: {by: mount, what: what}, to: {by: mount, what: what, then: w.now(from)},
	}, func() error { return unix.Rename(w.mounts[mount].path(from), w.mounts[mount].path(to)) })
	if err != nil {
		return false, fmt.Errorf("mount %d: %w", mount, err)
	}
	return true, w.lookAll(mount, from, to)
}

func (w *twoMounts) lookAll(mount int, paths ...string) error {
	for _, p := range paths {
		if _, err := w.look(mount, p); err != nil {
			return err
		}
	}
	return nil
}

func (w *twoMounts) delete(mount int) (bool, error) {
	p, err := w.pick(mount, true)
	if p == "" || err != nil {
		return false, err
	}
	return true, w.make(mount, "removal", p, nil, false, os.Remove)
}

func (w *twoMounts) lookSomewhere(mount int) (bool, error) {
	_, err := w.look(mount, w.all[w.rng.IntN(len(w.all))])
	return true, err
}

func (w *twoMounts) listSomewhere(mount int) (bool, error) {
	_, err := w.list(mount, pickDir(w.rng))
	return true, err
}

func (w *twoMounts) holdSomething(mount int) (bool, error) {
	return true, w.hold(mount, w.all[w.rng.IntN(len(w.all))])
}

func (w *twoMounts) lookBackAtSomething(int) (bool, error) {
	if len(w.held) == 0 {
		return false, nil
	}
	return true, w.lookBack(w.held[w.rng.IntN(len(w.held))])
}
