package visserver_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

func TestReopeningKeepsAll(t *testing.T) {
	v := start(t, visserver.Options{URL: "http://old"})
	img := v.post("kept", "some data", "color", "red", "format", "iso")
	v.do(request{method: "GET", path: img.path()})
	v.head(img.path())
	before := v.head(img.path())
	v.stop()

	w := start(t, visserver.Options{Dir: v.dir, URL: "http://new/"})
	after := w.head(img.path())
	for name := range before {
		if strings.HasPrefix(name, "X-Image-Meta-") && name != "X-Image-Meta-Uri" && after.Get(name) != before.Get(name) {
			t.Errorf("%s was %q, is %q", name, before.Get(name), after.Get(name))
		}
	}
	if got, want := after.Get("x-image-meta-uri"), "http://new"+img.path(); got != want {
		t.Errorf("uri %q, want %q: it follows Options.URL", got, want)
	}
	if got := w.do(request{method: "GET", path: img.path()}).body; got != "some data" {
		t.Errorf("data %q", got)
	}
	gone := w.do(request{method: "DELETE", path: img.path()}).image(t)
	if gone["access_count"] != 5.0 || gone["accessed_at"] == nil {
		t.Errorf("access_count %v at %v, want 5: 3 of the first server, 2 of the second", gone["access_count"], gone["accessed_at"])
	}
}

func TestChangeAfterCloseIsRefused(t *testing.T) {
	v := start(t, visserver.Options{})
	if err := v.handler.Close(); err != nil {
		t.Fatal(err)
	}
	v.do(request{method: "POST", path: "/images", header: headers("name", "x", "architecture", "i386")}).wantError(t, 503, "shutting down")
}

func TestLeftoversOfACrashAreCollected(t *testing.T) {
	v := start(t, visserver.Options{})
	locked, whole, lost := v.post("locked", ""), v.post("whole", "data"), v.post("lost", "data")
	v.stop()
	write := func(name string) {
		if err := os.WriteFile(filepath.Join(v.dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("incoming/upload-1")
	write("images/00000000-0000-4000-8000-000000000000")
	write("images/" + locked.id())
	write("images/README")
	if err := os.Remove(filepath.Join(v.dir, "images", lost.id())); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	w := start(t, visserver.Options{Dir: v.dir, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	want := []string{filepath.Join(v.dir, "images", "README"), filepath.Join(v.dir, "images", whole.id())}
	got := w.files()
	sort.Strings(got)
	sort.Strings(want)
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("files %v, want %v", got, want)
	}
	if !strings.Contains(log.String(), "count=3") || !strings.Contains(log.String(), lost.id()) || strings.Count(log.String(), "\n") != 2 {
		t.Errorf("log:\n%s", log.String())
	}
	w.do(request{method: "GET", path: lost.path()}).wantError(t, 404, "No image file found")
	w.head(lost.path())
}
