//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// look reads all there is of a path through a mount, and checks it. It returns the present
// version's event if that alone is what was seen, else nil.
func (w *twoMounts) look(mount int, p string) (*event, error) {
	last := w.last(p)
	suits := func(*version) bool { return true }
	for _, part := range []func(int, string) (part, error){w.lookAtStat, w.lookAtData, w.lookAtNote} {
		began := time.Now()
		seen, err := part(mount, p)
		may := w.mayShow(p, mount, since(began))
		if err := seen.check(may, err); err != nil {
			return nil, fmt.Errorf("mount %d, %s of %s, looked at %s: %w; it may be %s", mount, seen.name, p, began.Format(clock), err, may)
		}
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return nil, nil
		}
		before := suits
		suits = func(v *version) bool { return before(v) && seen.is(v) }
	}
	if w.last(p) != last || !suits(last.then) {
		return nil, nil
	}
	for _, v := range w.mayShow(p, mount, span{began: time.Now(), ended: time.Now()}).versions {
		if v != last.then && suits(v) {
			return nil, nil
		}
	}
	return last, nil
}

// part is what one system call or a few tell of a file.
type part struct {
	name string
	text string
	is   func(*version) bool // of a version that has it
	raw  bool                // what is written in the same mount shows in it as it comes

	settles bool // it may take a while until the server shows it
	locked  bool // it may be an image whose data are about to come: the original server shows that

	// It is an attribute: the kernel may know that the path leads to the image until it is told
	// otherwise, and asks what the image's attributes are now.
	attribute bool
}

// check finds what a mount must not show.
func (s part) check(may shown, err error) error {
	switch {
	case errors.Is(err, unix.ENOENT):
		if !may.may(func(v *version) bool { return v == nil }) {
			return err
		}
		return nil
	case errors.Is(err, unix.ESTALE), errors.Is(err, unix.EBUSY), errors.Is(err, unix.EIO) && s.settles:
		if !may.isChanging() {
			return err
		}
		return nil
	case err != nil:
		return err
	case s.locked && may.isChanging(), may.inFlux && s.raw, may.mayHaveGone() && s.attribute, may.may(s.is):
		return nil
	}
	return fmt.Errorf("it is %s", s.text)
}

// missing is that there is no file.
func missing(name string, err error) (part, error) {
	return part{name: name, is: func(v *version) bool { return v == nil }}, err
}

func (w *twoMounts) lookAtStat(mount int, p string) (part, error) {
	var st unix.Stat_t
	if err := again0(func() error { return unix.Stat(w.mounts[mount].path(p), &st) }); err != nil {
		return missing("stat", err)
	}
	private := st.Mode&0o004 == 0
	return part{
		name: "stat", text: fmt.Sprintf("of %d bytes, private %t", st.Size, private), raw: true, attribute: true,
		locked: st.Size == 0 && w.isOriginal(),
		is:     func(v *version) bool { return v != nil && int64(len(v.data)) == st.Size && v.private == private },
	}, nil
}

func (w *twoMounts) lookAtData(mount int, p string) (part, error) {
	data, err := os.ReadFile(w.mounts[mount].path(p))
	if err != nil {
		seen, err := missing("data", err)
		seen.settles = w.isOriginal()
		return seen, err
	}
	return part{
		name: "data", text: w.describe(data), raw: true,
		locked: len(data) == 0 && w.isOriginal(),
		is:     func(v *version) bool { return v != nil && bytes.Equal(v.data, data) },
	}, nil
}

func (w *twoMounts) isOriginal() bool { return w.lag > metadataTTL+slack }

func (w *twoMounts) lookAtNote(mount int, p string) (part, error) {
	value := make([]byte, 100)
	n, err := again(func() (int, error) { return unix.Getxattr(w.mounts[mount].path(p), noteXattr, value) })
	if err == unix.ENODATA {
		n, err = 0, nil
	}
	if err != nil {
		return missing("note", err)
	}
	note := string(value[:n])
	return part{
		name: "note", text: fmt.Sprintf("%q", note), attribute: true,
		is: func(v *version) bool { return v != nil && v.note == note },
	}, nil
}

// describe tells where bytes come from that should not be there.
func (w *twoMounts) describe(data []byte) string {
	text := fmt.Sprintf("%d bytes", len(data))
	if i := slices.IndexFunc(data, func(b byte) bool { return b != 0 }); i < 0 {
		return text + ", all zeros"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for p, past := range w.paths {
		for _, e := range past.events {
			if v := e.then; v != nil && len(v.data) > 0 && bytes.HasPrefix(data, v.data[:min(len(v.data), 100)]) {
				text += fmt.Sprintf("; begins like /%s at %s (%s)", p, e.began.Format(clock), v)
			}
		}
	}
	return text
}

// list reads a directory through a mount, and checks which files are in it.
func (w *twoMounts) list(mount int, dir string) (names []string, err error) {
	began := time.Now()
	entries, err := os.ReadDir(w.mounts[mount].path(dir))
	at := since(began)
	if err != nil && !(errors.Is(err, os.ErrNotExist) && dir != "") {
		return nil, err
	}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	for _, p := range w.in(path.Clean(dir)) {
		there := slices.Contains(names, path.Base(p))
		may := w.mayShow(p, mount, at)
		if !may.may(func(v *version) bool { return (v != nil) == there }) {
			return nil, fmt.Errorf("mount %d, listing of /%s at %s: %s is there: %t; it may be %s", mount, dir, began.Format(clock), p, there, may)
		}
	}
	return names, w.checkOthers(mount, dir, names, at)
}

// checkOthers finds what should not be in a directory: an image beside the one that it takes
// the place of shows in the other mount alone, and not for long.
func (w *twoMounts) checkOthers(mount int, dir string, names []string, at span) error {
	for _, name := range names {
		p := path.Join(dir, name)
		stem, rest, aside := strings.Cut(p, "~")
		switch {
		case w.paths[p] != nil, w.isDir(p), strings.HasPrefix(name, "."):
			continue // a file, or what rsync is about to rename
		case aside && w.paths[stem+path.Ext(rest)] != nil:
			may := w.mayShow(stem+path.Ext(rest), mount, at)
			if slices.ContainsFunc(may.events, func(e *event) bool { return e.by != mount }) {
				continue
			}
			return fmt.Errorf("mount %d, listing of /%s: there is %s; it may be %s", mount, dir, name, may)
		}
		return fmt.Errorf("mount %d, listing of /%s: there is %s", mount, dir, name)
	}
	return nil
}

// held is a file that stays open.
type held struct {
	file  *os.File
	mount int
	path  string
	of    []int // files that it may be of
	may   [][]byte
	since time.Time
}

// hold opens a file; what it shows from then on is a version of that moment, or what the
// same mount makes of the file later.
func (w *twoMounts) hold(mount int, p string) error {
	began := time.Now()
	f, err := os.Open(w.mounts[mount].path(p))
	may := w.mayShow(p, mount, since(began))
	if err := (part{is: func(v *version) bool { return v != nil }, text: "there"}).check(may, err); err != nil {
		_ = f.Close() // or it was not open
		return fmt.Errorf("mount %d, open of %s: %w; it may be %s", mount, p, err, may)
	}
	if err != nil {
		return nil
	}
	h := &held{file: f, mount: mount, path: p, since: began}
	for _, v := range may.versions {
		if v != nil {
			h.of, h.may = append(h.of, v.file), append(h.may, v.data)
		}
	}
	if len(w.held) == heldAtOnce {
		_ = w.held[0].file.Close()
		w.held = w.held[1:]
	}
	w.held = append(w.held, h)
	return nil
}

// changed notes what a mount made of a file in place, for those that have it open there. An
// image without data is the same one when it has got some, also for the other mount.
func (w *twoMounts) changed(mount int, v *version) {
	isEmpty := func(data []byte) bool { return len(data) == 0 }
	for _, h := range w.held {
		if slices.Contains(h.of, v.file) && (h.mount == mount || slices.ContainsFunc(h.may, isEmpty)) {
			h.may = append(h.may, v.data)
		}
	}
}

// lookBack reads a file that was opened some time ago.
func (w *twoMounts) lookBack(h *held) error {
	data, err := io.ReadAll(io.NewSectionReader(h.file, 0, 1<<40))
	switch {
	case errors.Is(err, syscall.ESTALE), errors.Is(err, syscall.EIO):
		return nil
	case err != nil:
		return fmt.Errorf("mount %d, %s, open since %s: %w", h.mount, h.path, h.since.Format(clock), err)
	}
	if !slices.ContainsFunc(h.may, func(want []byte) bool { return bytes.Equal(data, want) }) {
		return fmt.Errorf("mount %d, %s, open since %s, reads as %s; it may be of %d versions of files %v; there was %s",
			h.mount, h.path, h.since.Format(clock), w.describe(data), len(h.may), h.of, w.mayShow(h.path, h.mount, span{began: h.since, ended: time.Now()}))
	}
	return nil
}
