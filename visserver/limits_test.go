package visserver_test

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visserver"
)

func register() map[string]string { return headers("name", "x", "architecture", "i386") }

func TestImageOverTheLimitIsRefused(t *testing.T) {
	v := start(t, visserver.Options{MaxImageBytes: 10})
	locked := v.post("locked", "")
	for name, body := range map[string]func() io.Reader{
		"announced": func() io.Reader { return strings.NewReader(digits + "x") },
		"chunked":   func() io.Reader { return unsized{strings.NewReader(digits + "x")} },
		"far over":  func() io.Reader { return unsized{strings.NewReader(strings.Repeat(digits, 30000))} },
	} {
		for _, q := range []request{{method: "POST", path: "/images", header: register()}, {method: "PUT", path: locked.path()}} {
			q.body = body()
			r := v.do(q)
			if r.StatusCode != 413 {
				t.Errorf("%s: %s", name, r.Status)
			}
			r.wantError(t, 413, "The image is too large: this server takes at most 10 bytes")
		}
	}
	if got := v.head(locked.path()).Get("x-image-meta-status"); got != "locked" || len(v.files()) > 0 || len(v.list("foo", "")) != 1 {
		t.Errorf("status %s, files %v", got, v.files())
	}
	for _, body := range []io.Reader{strings.NewReader(digits), unsized{strings.NewReader(digits)}} {
		v.do(request{method: "POST", path: "/images", header: register(), body: body}).image(t)
	}
}

func TestLargestLimitIsNone(t *testing.T) {
	v := start(t, visserver.Options{MaxImageBytes: math.MaxInt64})
	v.post("x", digits)
}

func TestImageOverTheLimitIsRefusedBeforeItIsSent(t *testing.T) {
	v := start(t, visserver.Options{MaxImageBytes: 10})
	conn := v.sendHead(request{method: "POST", path: "/images", header: register()}, 1<<40, "Expect: 100-continue\r\n")
	if reply := conn.reply(); reply.StatusCode != 413 {
		t.Errorf("%s", reply.Status)
	}
	v.wantNothingStored()
}

func TestUploadsAreCounted(t *testing.T) {
	v := start(t, visserver.Options{MaxUploads: 1})
	other := v.post("y", "")
	u := v.beginUpload("POST", "/images", register())
	put := func() reply {
		return v.do(request{method: "PUT", path: other.path(), body: strings.NewReader(digits)})
	}
	r := put()
	r.wantError(t, 503, "The server has 1 uploads running, which is all it takes: try again")
	if got := r.Header.Get("Retry-After"); got != "1" {
		t.Errorf("Retry-After %q", got)
	}
	if got := v.head(other.path()).Get("x-image-meta-status"); got != "locked" {
		t.Errorf("status %s: nothing failed", got)
	}
	v.do(request{method: "PUT", path: other.path(), header: headers("name", "z")}).image(t) // metadata are no upload
	if err := u.body.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-u.done; err != nil {
		t.Fatal(err)
	}
	put().image(t)
}

func TestRefusedUploadsDoNotCount(t *testing.T) {
	v := start(t, visserver.Options{MaxUploads: 1, MaxImageBytes: 10})
	for _, q := range []request{
		{body: unsized{strings.NewReader("")}, header: register()},
		{body: strings.NewReader(digits), header: map[string]string{"x-image-meta-name": "x", "x-image-meta-architecture": "i386", "Content-Type": "text/plain"}},
		{body: strings.NewReader(digits), header: headers("name", "x", "architecture", "i386", "store", "s3")},
		{body: unsized{strings.NewReader(digits + "x")}, header: register()},
		{body: strings.NewReader(digits), header: register()},
	} {
		q.method, q.path = "POST", "/images"
		if r := v.do(q); r.StatusCode == 503 {
			t.Errorf("%v: %s", q.header, r.body)
		}
	}
}

// rawConn is a connection that the test writes to itself.
type rawConn struct {
	net.Conn
	t *testing.T
}

// sendHead sends the head of a signed request with a body of some length, -1 for
// a chunked one, but no body.
func (v *vis) sendHead(q request, length int64, more string) rawConn {
	v.t.Helper()
	q.body = strings.NewReader("x")
	r := v.prepare(q)
	conn, err := net.Dial("tcp", strings.TrimPrefix(v.http.URL, "http://"))
	if err != nil {
		v.t.Fatal(err)
	}
	v.t.Cleanup(func() { _ = conn.Close() })
	head := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: x\r\n", q.method, q.path) + more
	if length < 0 {
		head += "Transfer-Encoding: chunked\r\n"
	} else {
		head += fmt.Sprintf("Content-Length: %d\r\n", length)
	}
	for name, values := range r.Header {
		head += name + ": " + values[0] + "\r\n"
	}
	c := rawConn{conn, v.t}
	c.write(head + "\r\n")
	return c
}

func (c rawConn) write(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		c.t.Fatal(err)
	}
}

func (c rawConn) reply() reply {
	c.t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: "POST"})
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	resp.Request = httptest.NewRequest("POST", "/raw", nil)
	return reply{resp, string(body)}
}

func TestSilentUploadEnds(t *testing.T) {
	v := start(t, visserver.Options{UploadIdle: 200 * time.Millisecond})
	locked := v.post("locked", "")
	for name, c := range map[string]struct {
		length int64
		first  string
	}{
		"nothing comes":          {100, ""},
		"some comes":             {100, digits},
		"chunked, nothing comes": {-1, ""},
		"chunked, some comes":    {-1, "a\r\n" + digits + "\r\n"},
	} {
		for _, q := range []request{{method: "POST", path: "/images", header: register()}, {method: "PUT", path: locked.path()}} {
			conn := v.sendHead(q, c.length, "")
			conn.write(c.first)
			r := conn.reply()
			r.wantError(t, 408, "The upload ended because no data came for 200ms")
			if r.StatusCode != 408 || !r.Close {
				t.Errorf("%s: %s, close %v", name, r.Status, r.Close)
			}
		}
	}
	if got := v.head(locked.path()).Get("x-image-meta-status"); got != "locked" || len(v.files()) > 0 || len(v.list("foo", "")) != 1 {
		t.Errorf("status %s, files %v", got, v.files())
	}
}

func TestSlowUploadThatGoesOnIsTaken(t *testing.T) {
	v := start(t, visserver.Options{UploadIdle: 400 * time.Millisecond})
	conn := v.sendHead(request{method: "POST", path: "/images", header: register()}, 10, "")
	for i := range digits { // 1 s in all
		time.Sleep(100 * time.Millisecond)
		conn.write(digits[i : i+1])
	}
	if img := conn.reply().image(t); img["size"] != 10.0 {
		t.Errorf("%v", img)
	}
}

func TestRefusedRequestIsAnsweredThoughItsBodyNeverComes(t *testing.T) {
	v := start(t, visserver.Options{UploadIdle: 200 * time.Millisecond})
	conn := v.sendHead(request{method: "PUT", path: "/images/nope"}, 1000, "")
	conn.reply().wantError(t, 404, "No image found")
}

func TestCloseEndsRunningUploads(t *testing.T) {
	v := start(t, visserver.Options{})
	locked := v.post("locked", "")
	post := v.sendHead(request{method: "POST", path: "/images", header: register()}, 1000, "")
	put := v.sendHead(request{method: "PUT", path: locked.path()}, 1000, "")
	for _, c := range []rawConn{post, put} {
		c.write(digits)
	}
	eventually(t, "uploads begun", func() bool { return len(v.incoming()) == 2 })
	begun := time.Now()
	if err := v.handler.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(begun); d > 5*time.Second {
		t.Errorf("Close took %s", d)
	}
	if got := v.files(); len(got) > 0 { // at once: the program may end now
		t.Errorf("files left: %v", got)
	}
	for _, c := range []rawConn{post, put} {
		c.reply().wantError(t, 503, "The server is shutting down")
	}
	v.do(request{method: "POST", path: "/images", header: register(), body: strings.NewReader(digits)}).wantError(t, 503, "shutting down")

	v = start(t, visserver.Options{Dir: v.dir})
	if got := v.list("foo", "/detail?status=locked"); len(got) != 1 || len(v.list("foo", "")) != 1 {
		t.Errorf("images %v", got)
	}
}

func TestUploadsAreSafeWithoutAConnection(t *testing.T) {
	s, err := visserver.New(visserver.Options{Dir: t.TempDir(), Users: users})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("POST", "/images", strings.NewReader(digits))
	r.Header.Set("Content-Type", "application/octet-stream")
	for name, value := range register() {
		r.Header.Set(name, value)
	}
	sign(r, "foo")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
