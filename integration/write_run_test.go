//go:build linux

package integration

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// programRun is one run of a write program.
type programRun struct {
	workshop *workshop
	prefix   string // of its files' names, which no other run has
	model    model
}

func (r *programRun) file(name int) string { return r.prefix + nameOf(name) + ".img" }

// checkServer compares the server with the model, as far as something was promised.
func (r *programRun) checkServer() error {
	if err := r.awaitRelease(); err != nil {
		return err
	}
	list := r.workshop.s.images()
	for name, f := range r.model.names {
		if f == nil || f.dirty() {
			continue
		}
		if err := holds(list, r.file(name), len(f.data), f.md5()); err != nil {
			return err
		}
	}
	return r.nothingElse(list)
}

// holds tells whether there is exactly one image of a name, and has data of this size
// and MD5.
func holds(list []image, name string, bytes int, md5 string) error {
	found := slices.DeleteFunc(slices.Clone(list), func(img image) bool { return img.text("name") != name })
	if len(found) != 1 {
		return fmt.Errorf("the server has %d images named %s, want one: %v", len(found), name, found)
	}
	img := found[0]
	size, _ := img["size"].(float64)
	if bytes == 0 && size == 0 && (img.text("status") == "locked" || img.text("status") == "available") {
		return nil
	}
	if img.text("status") != "available" || int(size) != bytes || img.text("checksum") != md5 {
		return fmt.Errorf("the server has of %s (%d bytes, MD5 %s): %v", name, bytes, md5, img)
	}
	return nil
}

// awaitRelease waits for changes that no close was there for, because they were made by
// path while a handle was open that changed nothing itself: its release sends them, after
// close() has returned.
func (r *programRun) awaitRelease() error {
	for name, f := range r.model.names {
		if f == nil || !f.dirty() || r.model.isOpenForWriting(f) {
			continue
		}
		err := soon(func() error { return holds(r.workshop.s.images(), r.file(name), len(f.data), f.md5()) })
		if err != nil {
			return err
		}
		f.commit()
	}
	return nil
}

// nothingElse tells whether the server has images of the program's names that it should
// not have: for an upload that was broken off that takes a moment.
func (r *programRun) nothingElse(list []image) error {
	expected := map[string]bool{}
	for name, f := range r.model.names {
		if f != nil {
			expected[r.file(name)] = true
			for _, former := range f.formerly {
				expected[r.file(former)] = true
			}
		}
	}
	return soon(func() error {
		for _, img := range list {
			if name := img.text("name"); strings.HasPrefix(name, r.prefix) && !expected[name] {
				list = r.workshop.s.images()
				return fmt.Errorf("the server has what no file is: %v", img)
			}
		}
		return nil
	})
}

// settle demands that another mount shows the same files, and the server's store has
// them once it has had its time; then it removes them.
func (r *programRun) settle() error {
	s, reader := r.workshop.s, r.workshop.reader
	var want []string
	for name, f := range r.model.names {
		if f == nil {
			continue
		}
		want = append(want, r.file(name))
		img := s.only(r.file(name))
		if len(f.data) > 0 && !s.settles(img.file(), f.data) {
			return fmt.Errorf("%s: the file in the server's store does not become what was written", r.file(name))
		}
		if err := compare(reader.path(r.file(name)), f.data); err != nil {
			return fmt.Errorf("in another mount: %w", err)
		}
	}
	entries, err := os.ReadDir(reader.dir)
	if err != nil {
		return err
	}
	var got []string
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), r.prefix) {
			got = append(got, entry.Name())
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("ls in another mount: %v, want %v", got, want)
	}
	r.remove()
	return nil
}

// remove deletes what a program left.
func (r *programRun) remove() {
	for _, img := range r.workshop.s.images() {
		if strings.HasPrefix(img.text("name"), r.prefix) {
			r.workshop.s.delete(img.text("_id"))
		}
	}
}
