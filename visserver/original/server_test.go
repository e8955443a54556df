package original

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// dial opens a raw connection.
func (c client) dial() net.Conn {
	c.t.Helper()
	conn, err := net.Dial("tcp", c.addr)
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return conn
}

// head is a signed request head without its last, empty line.
func (c client) head(method, path string, lines ...string) string {
	lines = append([]string{"Date: now"}, lines...)
	req := &request{method: method, path: path, header: parseHeader(lines)}
	lines = append(lines, "Authorization: VISOR foo:"+signature(secrets["foo"], (&Server{}).described(req)))
	return method + " " + path + " HTTP/1.1\r\n" + strings.Join(lines, "\r\n") + "\r\n"
}

func TestRecordsOutliveTheServer(t *testing.T) {
	dir := t.TempDir()
	s, c := newServer(t, Options{Dir: dir})
	id := c.register([]byte(pattern(keptBytes)), "store", "file", "note", "7", "format", "iso")
	gone := c.register(nil)
	c.expect(200, gone, "DELETE", "/images/"+gone)
	c.send("HEAD", "/images/"+id, nil)
	before := c.send("GET", "/images/detail", nil)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}

	_, again := newServer(t, Options{Dir: dir})
	if after := again.send("GET", "/images/detail", nil); string(after.body) != string(before.body) {
		t.Errorf("after:  %s\nbefore: %s", after.body, before.body)
	}
	if a := again.send("GET", "/images/"+id, nil); len(a.body) != keptBytes {
		t.Errorf("%d bytes of data after the restart", len(a.body))
	}
	again.expect(200, `"access_count":2`, "DELETE", "/images/"+id)
}

func TestManyClients(t *testing.T) {
	s, c := newServer(t, Options{})
	t.Run("at once", func(t *testing.T) {
		for i := range 16 {
			name := fmt.Sprint("n", i)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				useImage(client{t, c.addr}, name)
			})
		}
	})
	c.expect(404, "No public images", "GET", "/images")
	if len(s.vms.rows) > 0 {
		t.Errorf("%d rows left", len(s.vms.rows))
	}
}

// useImage makes an image, does this and that with it, and deletes it.
func useImage(c client, name string) {
	id := c.register(pattern(blockBytes), "name", name, "store", "file")
	for range 5 {
		c.send("HEAD", "/images/"+id, nil)
		c.send("GET", "/images/"+id, nil)
		c.send("GET", "/images/detail?sort=size&dir=desc", nil)
		c.send("PUT", "/images/"+id, nil, "note", name)
	}
	c.expect(200, `"access_count":10`, "DELETE", "/images/"+id)
}

func TestRequestBehindAStreamIsDropped(t *testing.T) {
	_, c := newServer(t, Options{})
	id := c.register(pattern(keptBytes))
	conn := c.dial()
	if _, err := io.WriteString(conn, c.head("GET", "/images/"+id)+"\r\nGET /status HTTP/1.1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil || strings.Count(string(all), "HTTP/1.1") != 1 || !strings.HasSuffix(string(all), "0\r\n\r\n") {
		t.Errorf("%q (%v)", all[max(0, len(all)-200):], err)
	}
}

func TestMalformedRequestsGetNoReply(t *testing.T) {
	_, c := newServer(t, Options{})
	for _, request := range []string{
		"nonsense\r\n\r\n",
		"GET /status HTTP/2.0\r\n\r\n",
		"GET /status HTTP/1.1\r\nbad header\r\n\r\n",
		"PATCH /status HTTP/1.1\r\n\r\n",
		"POST /images HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
		"POST /images HTTP/1.1\r\nContent-Length: many\r\n\r\n",
		"GET /" + strings.Repeat("x", maxHeadBytes) + " HTTP/1.1\r\n\r\n",
	} {
		conn := c.dial()
		go func() { _, _ = io.WriteString(conn, request) }()
		if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
			t.Errorf("%.40q: %q (%v)", request, got, err)
		}
	}
}

func TestPoisonedRecord(t *testing.T) {
	_, c := newServer(t, Options{})
	id := c.register(nil)
	c.expect(503, "unexpected token", "PUT", "/images/"+id, "note", strings.Repeat("v", 300))
	c.expect(503, "unexpected token", "PUT", "/images/"+id, "name", "y")
	c.expect(503, "unexpected token", "GET", "/images/detail")
	c.expect(503, "", "HEAD", "/images/"+id)
	c.expect(500, "undefined method `each'", "GET", "/images/"+id)
	c.expect(200, `"name":"y"`, "GET", "/images")
	c.expect(200, "vvv", "DELETE", "/images/"+id)
	c.expect(404, "", "HEAD", "/images/"+id)
}

func TestCustomAttributeWithQuotesIsPoisonToo(t *testing.T) {
	_, c := newServer(t, Options{})
	c.expect(503, "unexpected token", "POST", "/images", "name", "x", "architecture", "i386", "note", `a "b"`)
}

func TestLocationsElsewhereAreNotFetched(t *testing.T) {
	_, c := newServer(t, Options{})
	c.expect(404, "No image file found at http://192.0.2.1/x", "POST", "/images",
		"name", "x", "architecture", "i386", "location", "http://192.0.2.1/x")
}

func TestStoresWithoutTheirLibrary(t *testing.T) {
	_, c := newServer(t, Options{})
	for store, text := range map[string]string{"s3": "Store::S3::S3restful", "hdfs": "Store::HDFS::", "lcs": "'lcs' is not supported"} {
		id := c.register(nil, "location", store+"://bucket/x", "store", store)
		c.expect(500, text, "GET", "/images/"+id)
		c.expect(500, text, "DELETE", "/images/"+id)
		c.expect(404, id, "DELETE", "/images/"+id)
	}
}

func TestShutdownLetsARequestEnd(t *testing.T) {
	s, c := newServer(t, Options{})
	idle, busy := c.dial(), c.dial()
	if _, err := io.WriteString(busy, c.head("POST", "/images", "Content-Type: application/octet-stream")+
		"Content-Length: 5\r\n\r\nhe"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the request has begun", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		n := 0
		for conn := range s.open {
			if conn.busy {
				n++
			}
		}
		return n == 1 && len(s.open) == 2
	})
	ended := make(chan error, 1)
	go func() { ended <- s.Shutdown(context.Background()) }()
	if n, err := idle.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("the idle connection stays open")
	}
	if _, err := io.WriteString(busy, "llo"); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(busy).ReadString('\n'); line != "HTTP/1.1 400 Bad Request\r\n" {
		t.Errorf("reply %q (%v)", line, err)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestShutdownGivesUpWithItsContext(t *testing.T) {
	s, c := newServer(t, Options{})
	busy := c.dial()
	if _, err := io.WriteString(busy, "POST /images HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the connection is served", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.open) == 1
	})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}

func TestServeAfterClose(t *testing.T) {
	s, err := New(Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil {
		t.Error(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
}
