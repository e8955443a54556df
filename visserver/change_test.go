package visserver_test

import (
	"crypto/md5"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visserver"
)

// unsized hides the length of a body, so that it goes chunked.
type unsized struct{ *strings.Reader }

func (v *vis) wantNothingStored() {
	v.t.Helper()
	if got := v.list("foo", ""); len(got) > 0 {
		v.t.Errorf("images left: %v", got)
	}
	if got := v.files(); len(got) > 0 {
		v.t.Errorf("files left: %v", got)
	}
}

func TestPostStoresDataHoweverFramed(t *testing.T) {
	v := start(t, visserver.Options{})
	for _, q := range []request{{body: strings.NewReader(digits)}, {body: unsized{strings.NewReader(digits)}}} {
		q.method, q.path, q.header = "POST", "/images", headers("name", "x", "architecture", "i386")
		img := v.do(q).image(t)
		if img["status"] != "available" || img["size"] != 10.0 || img["checksum"] != "781e5e245d69b566979b86e28d23f2c7" ||
			img["store"] != "file" || img["uploaded_at"] == nil || img["updated_at"] == nil || img["access"] != "public" {
			t.Errorf("%v", img)
		}
		if got, err := os.ReadFile(filepath.Join(v.dir, img.path())); string(got) != digits {
			t.Errorf("file: %q, %v", got, err)
		}
	}
}

func TestEmptyBodyIsNone(t *testing.T) {
	v := start(t, visserver.Options{})
	for _, q := range []request{{body: strings.NewReader("")}, {body: unsized{strings.NewReader("")}}} {
		q.method, q.path, q.header = "POST", "/images", headers("name", "x", "architecture", "i386")
		if img := v.do(q).image(t); img["status"] != "locked" || img["size"] != nil || img["updated_at"] != nil {
			t.Errorf("%v", img)
		}
	}
}

func TestRefusedPostStoresNothing(t *testing.T) {
	v := start(t, visserver.Options{})
	wrong := md5.Sum([]byte("other"))
	for message, more := range map[string]map[string]string{
		"These fields are required: name":                     {"x-image-meta-architecture": "i386"},
		"These fields are read-only: uri":                     headers("uri", "x", "name", "x", "architecture", "i386"),
		"Invalid format 'qcow2', available options: iso":      headers("format", "qcow2", "name", "x", "architecture", "i386"),
		"Invalid name ''":                                     headers("name", "", "architecture", "i386"),
		"Invalid attribute name 'others'":                     headers("others", "x", "name", "x", "architecture", "i386"),
		"The store 's3' is not supported":                     headers("store", "s3", "name", "x", "architecture", "i386"),
		"When the location header is present no file content": headers("location", "file:///x", "name", "x", "architecture", "i386"),
		"Request Content-Type must be application/octet":      {"x-image-meta-name": "x", "x-image-meta-architecture": "i386", "Content-Type": "text/plain"},
		"does not match its Content-MD5":                      {"x-image-meta-name": "x", "x-image-meta-architecture": "i386", "Content-MD5": base64.StdEncoding.EncodeToString(wrong[:])},
		"Content-MD5 must be":                                 {"x-image-meta-name": "x", "x-image-meta-architecture": "i386", "Content-MD5": "781e5e245d69b566979b86e28d23f2c7"},
	} {
		v.do(request{method: "POST", path: "/images", header: more, body: strings.NewReader(digits)}).wantError(t, 400, message)
	}
	v.do(request{method: "POST", path: "/images", header: headers("location", "http://x", "name", "x", "architecture", "i386")}).
		wantError(t, 400, "does not register files stored elsewhere: send the file instead of its location, or have the operator allow it with --allow-location")
	v.wantNothingStored()
}

func TestContentMD5OfTheBodyIsAccepted(t *testing.T) {
	v := start(t, visserver.Options{})
	sum := md5.Sum([]byte(digits))
	h := headers("name", "x", "architecture", "i386")
	h["Content-MD5"] = base64.StdEncoding.EncodeToString(sum[:])
	v.do(request{method: "POST", path: "/images", header: h, body: strings.NewReader(digits)}).image(t)
}

func TestAssociationsMustBeOfTheirType(t *testing.T) {
	v := start(t, visserver.Options{})
	kernel, machine := v.post("k", "", "type", "kernel"), v.post("m", "", "type", "machine")
	if got := v.post("x", "", "kernel", kernel.id()); got["kernel"] != kernel.id() {
		t.Errorf("%v", got)
	}
	put := func(name, value string) reply {
		return v.do(request{method: "PUT", path: machine.path(), header: headers(name, value)})
	}
	put("kernel", machine.id()).wantError(t, 400, "The image with id "+machine.id()+" is not a kernel image.")
	put("ramdisk", kernel.id()).wantError(t, 400, "is not a ramdisk image.")
	put("ramdisk", "nope").wantError(t, 404, "No image found with id 'nope'.")
	put("kernel", "").wantError(t, 404, "No image found with id ''.")
}

func TestPutReplacesCustomAttributesAsASet(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "", "a", "1", "b", "2")
	put := func(pairs ...string) attributes {
		return v.do(request{method: "PUT", path: img.path(), header: headers(pairs...)}).image(t)
	}
	if got := put("name", "y"); got["name"] != "y" || got["a"] != "1" || got["b"] != "2" || got["updated_at"] == nil {
		t.Errorf("known attribute only: %v", got)
	}
	if got := put("b", "3", "c", "4"); got["name"] != "y" || got["a"] != nil || got["b"] != "3" || got["c"] != "4" {
		t.Errorf("custom attributes: %v", got)
	}
	if got := put("b", ""); got["b"] != nil || got["c"] != nil {
		t.Errorf("empty custom attribute: %v", got)
	}
}

func TestPutOfNothingIsRefused(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "")
	for _, h := range []map[string]string{nil, headers("status", "available")} {
		v.do(request{method: "PUT", path: img.path(), header: h}).wantError(t, 400, "No headers or body found for update")
	}
	v.do(request{method: "PUT", path: img.path(), header: headers("location", "")}).wantError(t, 400, "stored elsewhere")
}

func TestPutStoresDataOnceOnly(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "")
	put := func(data, name string) reply {
		return v.do(request{method: "PUT", path: img.path(), header: headers("name", name), body: strings.NewReader(data)})
	}
	if got := put(digits, "y").image(t); got["status"] != "available" || got["size"] != 10.0 || got["name"] != "y" || got["uploaded_at"] == nil {
		t.Errorf("%v", got)
	}
	put("other", "z").wantError(t, 409, "Can only assign image file to a locked or error image")
	if got := v.do(request{method: "GET", path: img.path()}); got.body != digits || got.Header.Get("x-image-meta-name") != "y" {
		t.Errorf("after the refused PUT: %q, name %q", got.body, got.Header.Get("x-image-meta-name"))
	}
	v.do(request{method: "PUT", path: img.path(), header: headers("store", "s3")}).wantError(t, 400, "The store 's3' is not supported")
}

func TestStoreOfTheRecordCountsForItsData(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "", "store", "s3")
	put := func(h map[string]string) reply {
		return v.do(request{method: "PUT", path: img.path(), header: h, body: strings.NewReader(digits)})
	}
	put(nil).wantError(t, 400, "The store 's3' is not supported")
	put(headers("store", "file")).image(t)
}

func TestOneOfManyUploadsWins(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "")
	var mu sync.Mutex
	counts := make(map[int]int)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			r := v.do(request{method: "PUT", path: img.path(), body: strings.NewReader(fmt.Sprint("data of ", i))})
			mu.Lock()
			defer mu.Unlock()
			counts[r.StatusCode]++
		})
	}
	all.Wait()
	if counts[200] != 1 || counts[409] != 7 {
		t.Errorf("answers %v, want one 200 and seven 409", counts)
	}
	if got := v.head(img.path()).Get("x-image-meta-status"); got != "available" {
		t.Errorf("status %s", got)
	}
}

func TestChangesAtOnceAreAllKept(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "")
	var all sync.WaitGroup
	for _, pair := range [][]string{{"name", "y"}, {"format", "iso"}, {"type", "machine"}, {"architecture", "i386"}, {"color", "red"}} {
		all.Go(func() {
			v.do(request{method: "PUT", path: img.path(), header: headers(pair...)}).image(t)
		})
	}
	all.Wait()
	h := v.head(img.path())
	for name, want := range headers("name", "y", "format", "iso", "type", "machine", "architecture", "i386", "color", "red") {
		if got := h.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestDeleteRemovesRecordAndFile(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", digits, "color", "red")
	v.do(request{method: "GET", path: img.path()})
	gone := v.do(request{method: "DELETE", path: img.path()}).image(t)
	if gone["access_count"] != 1.0 || gone["color"] != "red" || gone["status"] != "available" {
		t.Errorf("%v", gone)
	}
	v.do(request{method: "DELETE", path: img.path()}).wantError(t, 404, "No image found")
	v.wantNothingStored()
}

func TestOpenDownloadOutlivesItsImage(t *testing.T) {
	v := start(t, visserver.Options{})
	data := strings.Repeat(digits, 3<<20)
	img := v.post("x", data)
	resp, err := v.http.Client().Do(v.prepare(request{method: "GET", path: img.path()}))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	v.do(request{method: "DELETE", path: img.path()}).image(t)
	got, err := io.ReadAll(resp.Body)
	if string(got) != data {
		t.Errorf("%d bytes and %v, want %d", len(got), err, len(data))
	}
}

// eventually waits for what the server does after a client has gone.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: " + what)
		}
	}
}
