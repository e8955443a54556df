//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// judge looks at what a new mount has made of what a killed one left.
func (w *killedMount) judge() {
	w.t.Helper()
	if left := entries(w.t, w.spool, "*.spool"); len(left) > 0 {
		w.t.Errorf("a new mount leaves in the spool: %v", left)
	}
	lost := entries(w.t, w.spool, "lost+found/*")
	for _, path := range lost {
		w.judgeLost(path)
	}
	w.rescued += len(lost)
	for name, want := range w.stored {
		wantContent(w.t, w.path(name), want)
	}
	if space := spaceOf(w.t, w.cache); space > killCacheSize+64<<10 {
		w.t.Errorf("the cache takes %d bytes, want %d at most", space, killCacheSize)
	}
	server := w.s.allFound(w.t)
	for _, h := range w.hands {
		if h.after != nil {
			w.underWay++
		}
		if err := h.judge(server); err != nil {
			w.t.Errorf("%s: %v", h.prefix, err)
		}
	}
	for _, f := range server {
		w.judgeShown(f, server)
	}
}

// judgeShown demands that the mount shows an image as the server has it.
func (w *killedMount) judgeShown(f found, server []found) {
	w.t.Helper()
	path := w.path(f.text("name"))
	if !isAlone(f, server) {
		w.doubles++
		path = w.path(".by-id/" + f.text("_id"))
	}
	if f.text("status") == "available" { // which the mount may have to learn
		if err := soon(func() error { return compare(path, f.data) }); err != nil {
			w.t.Errorf("%v is in the mount: %v", f, err)
		}
	}
}

// adopt goes on from what is there.
func (w *killedMount) adopt() {
	w.t.Helper()
	server := w.s.allFound(w.t)
	for _, h := range w.hands {
		for _, f := range h.adopt(server) {
			w.s.delete(f.text("_id"))
		}
	}
	time.Sleep(killedTTL + slack) // until the mount shows nothing else
}

// isAlone reports whether no other image has the name.
func isAlone(f found, server []found) bool {
	for _, other := range server {
		if other.text("name") == f.text("name") && other.text("_id") != f.text("_id") {
			return false
		}
	}
	return true
}

// judgeLost judges a file in lost+found, and takes it away: it has what was under way.
func (w *killedMount) judgeLost(path string) {
	w.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	known := false
	for _, h := range w.hands {
		if strings.Contains(filepath.Base(path), h.prefix) {
			known = h.after != nil && !h.mixed(data)
		}
	}
	if !known {
		w.t.Errorf("%s has %d bytes that nobody wrote, or that were stored", path, len(data))
	}
	if err := os.Remove(path); err != nil {
		w.t.Error(err)
	}
}

// entries returns what matches a pattern in a directory.
func entries(t *testing.T, dir, pattern string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// allFound returns all images with their bytes, once the server has ended all uploads: it has
// no files but those of images.
func (s *server) allFound(t *testing.T) (all []found) {
	t.Helper()
	var list []image
	eventually(t, "no upload is under way", func() bool {
		list = s.images()
		files := len(entries(t, s.data, "incoming/*")) + len(entries(t, s.data, "images/*"))
		for _, img := range list {
			switch img.text("status") {
			case "uploading":
				return false
			case "available":
				files--
			}
		}
		return files == 0
	})
	for _, img := range list {
		f := found{image: img}
		if img.text("status") == "available" {
			_, _, f.data = s.do(request{method: "GET", path: "/images/" + img.text("_id")})
		}
		all = append(all, f)
	}
	return all
}
