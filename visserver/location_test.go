package visserver_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visserver"
)

// store is a directory outside of the server's, with a file in it.
func store(t *testing.T) (dir, file string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir()) // as on macOS
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(dir, "a b.iso")
	writeFile(t, file, digits)
	return dir, file
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func urlOf(path string) string { return "file://" + strings.ReplaceAll(path, " ", "%20") }

func (v *vis) registerAt(location string) reply {
	v.t.Helper()
	return v.do(request{method: "POST", path: "/images", header: headers("name", "x", "architecture", "i386", "location", location)})
}

func TestRegisteredFileIsServedWhereItLies(t *testing.T) {
	dir, file := store(t)
	v := start(t, visserver.Options{Locations: []string{urlOf(dir) + "/"}})
	img := v.registerAt(urlOf(file)).image(t)
	if img["status"] != "available" || img["size"] != 10.0 || img["checksum"] != nil || img["store"] != "file" ||
		img["location"] != urlOf(file) || img["uploaded_at"] != nil || img["updated_at"] == nil {
		t.Errorf("%v", img)
	}
	r := v.do(request{method: "GET", path: img.path()})
	etag := r.Header.Get("ETag")
	if r.body != digits || etag == "" || etag == `""` || r.Header.Get("Content-Length") != "10" {
		t.Errorf("%q, %v", r.body, r.Header)
	}
	if h := v.head(img.path()); h.Get("ETag") != etag || h.Get("Content-Length") != "10" {
		t.Errorf("HEAD: %v", h)
	}
	for _, c := range []struct {
		header map[string]string
		status int
		body   string
	}{
		{map[string]string{"Range": "bytes=2-4"}, 206, "234"},
		{map[string]string{"Range": "bytes=2-4", "If-Range": etag}, 206, "234"},
		{map[string]string{"If-None-Match": etag}, 304, ""},
	} {
		if r := v.do(request{method: "GET", path: img.path(), header: c.header}); r.StatusCode != c.status || r.body != c.body {
			t.Errorf("%v: %s %q", c.header, r.Status, r.body)
		}
	}
	v.do(request{method: "PUT", path: img.path(), body: strings.NewReader("other")}).wantError(t, 409, "Can only assign")
	if got := v.do(request{method: "PUT", path: img.path(), header: headers("name", "y")}).image(t); got["location"] != urlOf(file) || got["status"] != "available" {
		t.Errorf("after a change of metadata: %v", got)
	}

	writeFile(t, file, digits+digits)
	if err := os.Chtimes(file, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r = v.do(request{method: "GET", path: img.path(), header: map[string]string{"Range": "bytes=2-4", "If-Range": etag}})
	if r.StatusCode != 200 || r.body != digits+digits || r.Header.Get("x-image-meta-size") != "20" || r.Header.Get("ETag") == etag {
		t.Errorf("changed file: %s %q %v", r.Status, r.body, r.Header)
	}
}

func TestDeleteLeavesTheRegisteredFile(t *testing.T) {
	dir, file := store(t)
	v := start(t, visserver.Options{Locations: []string{urlOf(dir)}})
	img := v.registerAt(urlOf(file)).image(t)
	v.do(request{method: "DELETE", path: img.path()}).image(t)
	if got, err := os.ReadFile(file); string(got) != digits {
		t.Errorf("%q, %v", got, err)
	}
	v.wantNothingStored()
}

func TestPutRegistersAFile(t *testing.T) {
	dir, file := store(t)
	v := start(t, visserver.Options{Locations: []string{urlOf(dir)}})
	img := v.post("x", "")
	put := func() reply {
		return v.do(request{method: "PUT", path: img.path(), header: headers("location", urlOf(file), "name", "y")})
	}
	if got := put().image(t); got["status"] != "available" || got["name"] != "y" || got["size"] != 10.0 {
		t.Errorf("%v", got)
	}
	put().wantError(t, 409, "Can only assign image file to a locked or error image")
	v.do(request{method: "PUT", path: v.post("z", digits).path(), header: headers("location", urlOf(file))}).wantError(t, 409, "Can only assign")
	v.do(request{method: "POST", path: "/images", header: headers("name", "x", "architecture", "i386", "location", urlOf(file)), body: strings.NewReader("x")}).
		wantError(t, 400, "When the location header is present no file content")
	v.do(request{method: "POST", path: "/images", header: headers("name", "x", "architecture", "i386", "location", urlOf(file), "store", "s3")}).
		wantError(t, 400, "The store 's3' is not supported")
}

func TestRegistrationSurvivesAReopening(t *testing.T) {
	dir, file := store(t)
	v := start(t, visserver.Options{Locations: []string{urlOf(dir)}})
	img, lost := v.registerAt(urlOf(file)).image(t), filepath.Join(dir, "lost")
	writeFile(t, lost, "x")
	gone := v.registerAt(urlOf(lost)).image(t)
	v.stop()
	if err := os.Remove(lost); err != nil {
		t.Fatal(err)
	}

	var log bytes.Buffer
	v = start(t, visserver.Options{Dir: v.dir, Locations: []string{urlOf(dir)}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if r := v.do(request{method: "GET", path: img.path()}); r.body != digits || r.Header.Get("x-image-meta-location") != urlOf(file) {
		t.Errorf("%q %v", r.body, r.Header)
	}
	v.do(request{method: "GET", path: gone.path()}).wantError(t, 404, "No image file found")
	if h := v.head(gone.path()); h.Get("x-image-meta-status") != "available" {
		t.Errorf("HEAD of an image without file: %v", h)
	}
	if !strings.Contains(log.String(), gone.id()) || strings.Contains(log.String(), img.id()) {
		t.Errorf("log:\n%s", log.String())
	}
	v.stop()

	v = start(t, visserver.Options{Dir: v.dir}) // allowed no more
	v.do(request{method: "GET", path: img.path()}).wantError(t, 404, "No image file found")
}

func TestLocationsThatAreNotAllowed(t *testing.T) {
	dir, _ := store(t)
	outside, secret := store(t)
	sub := filepath.Join(dir, "sub")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"out": secret, "outdir": outside, "dots": "../../../../../../../../../../etc", "loop": "loop", "in": "sub/file", "absolute": filepath.Join(sub, "file")} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	writeFile(t, filepath.Join(sub, "file"), digits)
	writeFile(t, filepath.Join(dir, "empty"), "")
	writeFile(t, dir+"2", digits) // beside it, of a name that begins the same
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	v := start(t, visserver.Options{Locations: []string{urlOf(dir)}})
	for location, message := range map[string]string{
		urlOf(secret):                          "is not one that this server allows; its operator can, with --allow-location PREFIX",
		urlOf(dir) + "2":                       "is not one that this server allows",
		"file:///etc/passwd":                   "is not one that this server allows",
		"file:///etc/nosuchfile":               "is not one that this server allows",
		urlOf(v.dir) + "/visor.db":             "is not one that this server allows",
		urlOf(dir) + "/../x":                   "without . and ..",
		urlOf(dir) + "/%2e%2e/x":               "without . and ..",
		urlOf(dir) + "/sub/":                   "without . and ..",
		urlOf(dir) + "/sub/file?x":             "Invalid location",
		"file://elsewhere" + dir + "/sub/file": "Invalid location",
		"file:" + strings.TrimPrefix(dir, "/"): "Invalid location",
		dir + "/sub/file":                      "Invalid location",
		"http://example.org/x.iso":             "registers files as file:///DIR/FILE only",
		"":                                     "Invalid location",
		urlOf(dir) + "/out":                    "leads out of what this server allows",
		urlOf(dir) + "/outdir/a%20b.iso":       "leads out of what this server allows",
		urlOf(dir) + "/loop":                   "There is no file that the server can read",
		urlOf(dir) + "/dots/passwd":            "leads out of what this server allows",
		urlOf(dir) + "/nosuch":                 "There is no file that the server can read",
		urlOf(dir) + "/sub/file/x":             "There is no file that the server can read",
		urlOf(dir) + "/sub":                    "is not a regular file",
		urlOf(dir) + "/fifo":                   "is not a regular file",
		urlOf(dir) + "/empty":                  "is empty",
	} {
		v.registerAt(location).wantError(t, 400, message)
	}
	v.wantNothingStored()
	for _, link := range []string{"in", "absolute"} {
		if r := v.do(request{method: "GET", path: v.registerAt(urlOf(dir) + "/" + link).image(t).path()}); r.body != digits {
			t.Errorf("link %s inside: %s %q", link, r.Status, r.body)
		}
	}
	img := v.registerAt(urlOf(dir) + "/in").image(t)
	if err := os.Remove(filepath.Join(dir, "in")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(dir, "in")); err != nil {
		t.Fatal(err)
	}
	v.do(request{method: "GET", path: img.path()}).wantError(t, 404, "No image file found")
}

func TestLocationsOptionIsChecked(t *testing.T) {
	dir, file := store(t)
	for location, message := range map[string]string{
		dir:                           "give a directory as URL",
		"http://example.org/":         "give a directory as URL",
		"file:///":                    "give a directory as URL",
		urlOf(file):                   "not a directory",
		urlOf(dir) + "/nosuch":        "no such file",
		urlOf(filepath.Dir(dir)):      "the server's own directory",
		urlOf(dir) + "/served":        "the server's own directory",
		urlOf(dir) + "/served/images": "the server's own directory",
	} {
		s, err := visserver.New(visserver.Options{Dir: filepath.Join(dir, "served"), Users: users, Locations: []string{location}})
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Errorf("%s: %v, want %q", location, err, message)
		}
		if err == nil {
			_ = s.Close()
		}
	}
}
