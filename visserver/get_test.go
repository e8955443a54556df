package visserver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

const digits = "0123456789" // MD5 781e5e245d69b566979b86e28d23f2c7

func TestGetServesDataAndAttributes(t *testing.T) {
	v := start(t, visserver.Options{URL: "http://vis"})
	img := v.post("x", digits, "color", "red")
	r := v.do(request{method: "GET", path: img.path()})
	if r.body != digits {
		t.Errorf("body %q", r.body)
	}
	for name, want := range map[string]string{
		"Content-Length": "10", "Content-Type": "application/octet-stream", "Accept-Ranges": "bytes",
		"ETag": `"781e5e245d69b566979b86e28d23f2c7"`, "x-image-meta-_id": img.id(), "x-image-meta-color": "red",
		"x-image-meta-size": "10", "x-image-meta-status": "available", "x-image-meta-store": "file",
		"x-image-meta-checksum": "781e5e245d69b566979b86e28d23f2c7", "x-image-meta-uri": "http://vis" + img.path(),
		"x-image-meta-location": "file://" + filepath.Join(v.dir, img.path()), "x-image-meta-type": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	head := v.head(img.path())
	for name := range r.Header {
		if head.Get(name) != r.Header.Get(name) && name != "Date" {
			t.Errorf("%s: %q in GET, %q in HEAD", name, r.Header.Get(name), head.Get(name))
		}
	}
}

func TestRangesAndConditions(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", digits)
	etag := `"781e5e245d69b566979b86e28d23f2c7"`
	for _, c := range []struct {
		header map[string]string
		status int
		body   string
	}{
		{map[string]string{"Range": "bytes=2-4"}, 206, "234"},
		{map[string]string{"Range": "bytes=-3"}, 206, "789"},
		{map[string]string{"Range": "bytes=8-100"}, 206, "89"},
		{map[string]string{"Range": "bytes=2-4", "If-Range": etag}, 206, "234"},
		{map[string]string{"Range": "bytes=2-4", "If-Range": `"other"`}, 200, digits},
		{map[string]string{"If-None-Match": etag}, 304, ""},
		{map[string]string{"If-None-Match": `"other"`}, 200, digits},
		{map[string]string{"If-Match": etag}, 200, digits},
		{map[string]string{"If-Match": `"other"`}, 412, ""},
		{map[string]string{"If-Match": `"other"`, "Range": "bytes=2-4"}, 412, ""},
	} {
		r := v.do(request{method: "GET", path: img.path(), header: c.header})
		if r.StatusCode != c.status || r.body != c.body {
			t.Errorf("%v: %s %q, want %d %q", c.header, r.Status, r.body, c.status, c.body)
		}
	}
	r := v.do(request{method: "GET", path: img.path(), header: map[string]string{"Range": "bytes=10-"}})
	if r.StatusCode != 416 || r.Header.Get("Content-Range") != "bytes */10" {
		t.Errorf("range behind the end: %s %v", r.Status, r.Header)
	}
}

func TestImageWithoutDataIsEmpty(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "")
	r := v.do(request{method: "GET", path: img.path(), header: map[string]string{"Range": "bytes=0-1"}})
	if r.StatusCode != 200 || r.Header.Get("Content-Length") != "0" || r.Header.Get("x-image-meta-status") != "locked" {
		t.Errorf("%s %v", r.Status, r.Header)
	}
}

func TestIgnoreRangeServesAsTheOriginalDoes(t *testing.T) {
	v := start(t, visserver.Options{IgnoreRange: true})
	for _, data := range []string{digits, strings.Repeat(digits, 20000)} {
		img := v.post("x", data)
		r := v.do(request{method: "GET", path: img.path(), header: map[string]string{"Range": "bytes=2-4", "If-None-Match": "*"}})
		if r.StatusCode != 200 || r.body != data {
			t.Errorf("%s, %d bytes, want 200, %d", r.Status, len(r.body), len(data))
		}
		if strings.Join(r.TransferEncoding, "") != "chunked" {
			t.Errorf("Transfer-Encoding %v", r.TransferEncoding)
		}
		for _, name := range []string{"Content-Length", "Accept-Ranges", "ETag", "Last-Modified"} {
			if got := r.Header.Get(name); got != "" {
				t.Errorf("%s: %q", name, got)
			}
		}
		if got := v.head(img.path()); got.Get("ETag") != "" || got.Get("x-image-meta-_id") != img.id() {
			t.Errorf("HEAD: %v", got)
		}
	}
}

func TestVanishedFileIsNotFoundWithoutItsPath(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", digits)
	if err := os.Remove(filepath.Join(v.dir, img.path())); err != nil {
		t.Fatal(err)
	}
	r := v.do(request{method: "GET", path: img.path()})
	r.wantError(t, 404, "No image file found")
	if strings.Contains(r.body, v.dir) {
		t.Errorf("path of the server in %s", r.body)
	}
}

func TestErrorOfTheServerHidesItsPaths(t *testing.T) {
	v := start(t, visserver.Options{})
	path := filepath.Join(v.dir, "incoming")
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	r := v.do(request{method: "POST", path: "/images", body: strings.NewReader("x"), header: headers("name", "x", "architecture", "i386")})
	r.wantError(t, 500, "Internal server error")
	if strings.Contains(r.body, v.dir) {
		t.Errorf("path of the server in %s", r.body)
	}
}
