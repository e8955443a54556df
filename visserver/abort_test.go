package visserver_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

// slowUpload is a request whose body the test sends piece by piece.
type slowUpload struct {
	body *io.PipeWriter
	done chan error
}

func (v *vis) beginUpload(method, path string, h map[string]string) slowUpload {
	v.t.Helper()
	r, w := io.Pipe()
	u := slowUpload{body: w, done: make(chan error, 1)}
	req := v.prepare(request{method: method, path: path, header: h, body: r})
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err == nil {
			err = resp.Body.Close()
		}
		u.done <- err
	}()
	if _, err := io.WriteString(w, digits); err != nil {
		v.t.Fatal(err)
	}
	eventually(v.t, "upload begun", func() bool { return len(v.incoming()) == 1 })
	return u
}

func (u slowUpload) abort() {
	u.body.CloseWithError(errors.New("client gives up"))
	<-u.done
}

func (v *vis) incoming() []string {
	v.t.Helper()
	names, err := filepath.Glob(filepath.Join(v.dir, "incoming", "*"))
	if err != nil {
		v.t.Fatal(err)
	}
	return names
}

func TestAbortedPostLeavesNothing(t *testing.T) {
	v := start(t, visserver.Options{})
	u := v.beginUpload("POST", "/images", headers("name", "x", "architecture", "i386"))
	if got := v.list("foo", ""); len(got) > 0 {
		t.Errorf("listed before its data arrived: %v", got)
	}
	u.abort()
	eventually(t, "temporary file gone", func() bool { return len(v.incoming()) == 0 })
	v.wantNothingStored()
}

func TestUploadShowsUploadingAndAbortEndsIt(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "")
	status := func() string { return v.head(img.path()).Get("x-image-meta-status") }
	u := v.beginUpload("PUT", img.path(), headers("name", "never"))
	if got := status(); got != "uploading" {
		t.Errorf("status %s", got)
	}
	if got := v.list("foo", "?status=uploading"); len(got) != 1 {
		t.Errorf("list of uploading images: %v", got)
	}
	v.do(request{method: "PUT", path: img.path(), body: bytes.NewReader([]byte("x"))}).wantError(t, 409, "Can only assign")
	v.do(request{method: "DELETE", path: img.path()}).wantError(t, 409, "being uploaded")
	if got := v.do(request{method: "PUT", path: img.path(), header: headers("format", "iso")}).image(t); got["status"] != "uploading" {
		t.Errorf("metadata changed during the upload: %v", got)
	}
	u.abort()
	eventually(t, "status locked again", func() bool { return status() == "locked" })
	if h := v.head(img.path()); h.Get("x-image-meta-name") != "x" || h.Get("x-image-meta-format") != "iso" || len(v.files()) != 0 {
		t.Errorf("after the abort: %v, files %v", h, v.files())
	}
	if got := v.do(request{method: "PUT", path: img.path(), body: bytes.NewReader([]byte("x"))}).image(t); got["status"] != "available" {
		t.Errorf("upload after an aborted one: %v", got)
	}
}

func TestBodyShorterThanAnnouncedLeavesNothing(t *testing.T) {
	v := start(t, visserver.Options{})
	r := v.prepare(request{method: "POST", path: "/images", body: bytes.NewReader([]byte(digits)), header: headers("name", "x", "architecture", "i386")})
	r.ContentLength = 1000
	conn, err := net.Dial("tcp", v.http.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	head := fmt.Sprintf("POST /images HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n", r.ContentLength)
	for name, values := range r.Header {
		head += name + ": " + values[0] + "\r\n"
	}
	if _, err := io.WriteString(conn, head+"\r\n"+digits); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	reply, _ := io.ReadAll(conn)
	if !bytes.Contains(reply, []byte("400 Bad Request")) {
		t.Errorf("answer %q", reply)
	}
	_ = conn.Close()
	v.wantNothingStored()
}

func TestStoreFailureMarksTheImageAndCanBeRepeated(t *testing.T) {
	v := start(t, visserver.Options{})
	img := v.post("x", "")
	incoming := filepath.Join(v.dir, "incoming")
	if err := os.Remove(incoming); err != nil {
		t.Fatal(err)
	}
	put := func() reply {
		return v.do(request{method: "PUT", path: img.path(), body: bytes.NewReader([]byte(digits))})
	}
	put().wantError(t, 500, "Internal server error")
	if got := v.head(img.path()).Get("x-image-meta-status"); got != "error" {
		t.Errorf("status %s", got)
	}
	if err := os.Mkdir(incoming, 0o700); err != nil {
		t.Fatal(err)
	}
	if got := put().image(t); got["status"] != "available" {
		t.Errorf("%v", got)
	}
}
