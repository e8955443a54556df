//go:build linux

package integration

import (
	"bytes"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	iofs "io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// newSpool makes the spool directory of a mount.
func newSpool(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "spool")
}

// spoolFlags puts the spool of a mount into a directory.
func spoolFlags(dir string) []string {
	return []string{"--spool-dir", dir}
}

// settled demands that the server has these images and nothing else, that the mount
// and a new one show them, and that nothing is left in the spool directory.
func (e *env) settled(t *testing.T, want tree, late bool) {
	t.Helper()
	if late {
		eventually(t, "the server has what was written", func() bool { return len(e.differences(want)) == 0 })
	}
	for _, difference := range e.differences(want) {
		t.Errorf("on the server: %s", difference)
	}
	if t.Failed() {
		t.Fatalf("the server has %v", e.images())
	}
	want = e.wantData(t, want)
	e.wantStore(t, want)
	e.wantMount(t, e.mount, want)
	e.wantMount(t, startMount(t, e.url, spoolFlags(newSpool(t))...), want)
	e.wantNoSpool(t)
}

// differences says in what the server's records differ from these images.
func (e *env) differences(want tree) []string {
	var found []string
	left := make(tree)
	for name, f := range want {
		left[name] = f
	}
	for _, img := range e.images() {
		name := img.text("name")
		f, wanted := left[name]
		if !wanted {
			found = append(found, fmt.Sprintf("%q (%s) is left over", name, img.text("status")))
			continue
		}
		delete(left, name)
		found = append(found, e.recordDifferences(img, f)...)
	}
	for name := range left {
		found = append(found, fmt.Sprintf("%q is missing", name))
	}
	return found
}

// recordDifferences says in what a record differs from the image as it has to be.
func (e *env) recordDifferences(img image, f file) []string {
	var found []string
	name := img.text("name")
	check := func(what string, got, want any) {
		if got != want {
			found = append(found, fmt.Sprintf("%s of %q is %v, want %v", what, name, got, want))
		}
	}
	check("format", img.text("format"), f.wantFormat(name))
	check("access", img.text("access"), f.access())
	check("architecture", img.text("architecture"), "x86_64")
	if f.note != "" {
		check("note", img.text("note"), f.note)
	}
	if f.was != "" {
		check("id", img.text("_id"), e.ids[f.was])
	}
	if !f.mtime.IsZero() {
		at, _ := time.Parse(time.RFC3339Nano, img.text("mtime"))
		check("mtime", at.UTC(), f.mtime)
	}
	switch {
	case f.judge != nil:
		check("status", img.text("status"), "available")
	case len(f.data) == 0:
		check("status", img.text("status"), "locked")
	default:
		sum := md5.Sum(f.data)
		check("status", img.text("status"), "available")
		check("size", img["size"], float64(len(f.data)))
		check("checksum", img.text("checksum"), hex.EncodeToString(sum[:]))
	}
	return found
}

// wantData demands the data of all images straight from the server, has those judged
// that a tool made, and returns the images with what they hold.
func (e *env) wantData(t *testing.T, want tree) tree {
	t.Helper()
	whole := make(tree)
	for name, f := range want {
		if f.judge != nil {
			f.data = e.fetch(t, name)
			copied := newFile(t, filepath.Base(name), f.data)
			f.judge(t, e, copied)
		}
		if len(f.data) > 0 {
			img := e.wantSettled(name, f.data)
			status, _, got := e.do(request{method: http.MethodGet, path: "/images/" + img.text("_id")})
			if status != http.StatusOK || !bytes.Equal(got, f.data) {
				t.Errorf("%s: the server (%d) sends %d other bytes than the %d that were written", name, status, len(got), len(f.data))
			}
		}
		whole[name] = f
	}
	return whole
}

// fetch returns the data of an image from the server's store, once these are what the
// server says that it got.
func (e *env) fetch(t *testing.T, name string) []byte {
	t.Helper()
	img := e.only(name)
	var data []byte
	eventually(t, "the data of "+name+" are whole in the store", func() bool {
		data, _ = os.ReadFile(img.file())
		sum := md5.Sum(data)
		return hex.EncodeToString(sum[:]) == img.text("checksum")
	})
	return data
}

// wantStore demands that the server's store has a file for each image with data, and no more.
func (e *env) wantStore(t *testing.T, want tree) {
	t.Helper()
	count := 0
	for _, f := range want {
		if len(f.data) > 0 {
			count++
		}
	}
	eventually(t, fmt.Sprintf("the store has %d files, and no other", count), func() bool {
		found := 0
		for _, dir := range []string{"images", "incoming", "store"} { // the last is the original's
			files, _ := filepath.Glob(e.data + "/" + dir + "/*")
			found += len(files)
		}
		return found == count
	})
}

// wantMount demands that a mount shows these files, with their content and metadata, and
// no other file or directory.
func (e *env) wantMount(t *testing.T, m *mount, want tree) {
	t.Helper()
	if got := listing(t, m.dir); !slices.Equal(got, want.listing()) {
		t.Errorf("a mount shows %q, want %q", got, want.listing())
		return
	}
	for name, f := range want {
		path := m.path(name)
		wantContent(t, path, f.data)
		info, err := os.Stat(path)
		if err != nil {
			t.Error(err)
			continue
		}
		if info.Size() != int64(len(f.data)) || info.Mode() != f.mode() {
			t.Errorf("%s has %d bytes and mode %v, want %d and %v", path, info.Size(), info.Mode(), len(f.data), f.mode())
		}
		if !f.mtime.IsZero() && !info.ModTime().Equal(f.mtime) {
			t.Errorf("mtime of %s is %v, want %v", path, info.ModTime().UTC(), f.mtime)
		}
	}
}

// listing returns the files and directories below a directory, the latter with a slash.
func listing(t *testing.T, dir string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(dir, func(path string, entry iofs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name := strings.TrimPrefix(path, dir+"/")
		if entry.IsDir() {
			name += "/"
		}
		found = append(found, name)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	slices.Sort(found)
	return found
}

// listing returns the names of the files and of the directories that they need.
func (files tree) listing() []string {
	var all []string
	for name := range files {
		all = append(all, name)
		for dir := filepath.Dir(name); dir != "."; dir = filepath.Dir(dir) {
			all = append(all, dir+"/")
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// wantNoSpool demands that a mount's spool directory comes to hold nothing but an empty
// lost+found.
func (e *env) wantNoSpool(t *testing.T) {
	t.Helper()
	var left []string
	gone := func() bool {
		if _, err := os.Stat(e.spool); os.IsNotExist(err) {
			return true
		}
		left = slices.DeleteFunc(listing(t, e.spool), func(name string) bool { return name == "lost+found/" })
		return len(left) == 0
	}
	eventually(t, "the spool directory is empty", gone)
	if len(left) > 0 {
		t.Errorf("the spool directory has %q", left)
	}
}
