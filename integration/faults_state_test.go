//go:build linux

package integration

import (
	"fmt"
	iofs "io/fs"
	"path/filepath"
	"slices"
)

// hasAll tells whether the server has the images that it should, and no others, nothing
// half made, and the spool nothing that is not being written.
func (b *faultBench) hasAll() error {
	return soon(func() error {
		var names []string
		for _, img := range b.server.images() {
			names = append(names, img.text("name"))
			if status := img.text("status"); status != "available" && status != "locked" {
				return fmt.Errorf("image %q is %s", img.text("name"), status)
			}
		}
		want := make([]string, 0, len(b.names))
		for name := range b.names {
			want = append(want, name)
		}
		slices.Sort(names)
		slices.Sort(want)
		if !slices.Equal(names, want) {
			return fmt.Errorf("the server has %q, want %q", names, want)
		}
		return b.nothingLeaks()
	})
}

// nothingLeaks tells whether there is a file that belongs to nothing.
func (b *faultBench) nothingLeaks() error {
	withData := 0
	for _, img := range b.server.images() {
		if img.text("status") == "available" {
			withData++
		}
	}
	stored := 0
	for _, dir := range []string{"images", "incoming", "store"} { // the last is the original's
		files, _ := filepath.Glob(filepath.Join(b.server.data, dir, "*"))
		stored += len(files)
	}
	if stored != withData {
		return fmt.Errorf("the server keeps %d files of %d images", stored, withData)
	}
	for path := range filesBelow(b.spool) {
		return fmt.Errorf("the spool keeps %s", path)
	}
	return nil
}

func filesBelow(dir string) map[string]bool {
	found := map[string]bool{}
	_ = filepath.WalkDir(dir, func(path string, entry iofs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found[path] = true
		}
		return nil
	})
	return found
}

// image returns the image of an id, or nil.
func (b *faultBench) image(id string) image {
	for _, img := range b.server.images() {
		if img.text("_id") == id {
			return img
		}
	}
	return nil
}
