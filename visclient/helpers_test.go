package visclient_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

const (
	someID  meta.ID = "5662192c-fe11-4f4a-9f55-e2bc69a186d5"
	otherID meta.ID = "b63b3a6e-903e-4b01-92e9-14ee6124c8ef"
)

// bound is longer than anything here may take that ends by itself.
const bound = 20 * time.Second

// front stands before a handler: it keeps what was asked, and may answer itself.
type front struct {
	next http.Handler

	mu       sync.Mutex
	requests []*http.Request
	faults   []http.HandlerFunc // for the first requests, one each; nil lets one pass
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	f.requests = append(f.requests, r.Clone(r.Context()))
	var fault http.HandlerFunc
	if len(f.faults) > 0 {
		fault, f.faults = f.faults[0], f.faults[1:]
	}
	f.mu.Unlock()
	if fault != nil {
		fault(w, r)
		return
	}
	f.next.ServeHTTP(w, r)
}

// seen returns the requests so far and forgets them.
func (f *front) seen() []*http.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen := f.requests
	f.requests = nil
	return seen
}

func (f *front) fail(faults ...http.HandlerFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults = faults
}

func (f *front) count(method string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, r := range f.requests {
		if r.Method == method {
			n++
		}
	}
	return n
}

// status answers with a bare status.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

// reset drops the connection as a crashed server's kernel does.
func reset(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// vis starts an embedded server with the users foo and alice.
func vis(t testing.TB, o visserver.Options) http.Handler {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	o.Users = map[string]string{"foo": "bar", "alice": "wonder"}
	s, err := visserver.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// serve makes a handler a server, and returns foo's client of it.
func serve(t testing.TB, h http.Handler, set ...func(*visclient.Options)) (*visclient.Client, *front) {
	t.Helper()
	f := &front{next: h}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return dial(t, s.URL, set...), f
}

// dial returns foo's client of a server.
func dial(t testing.TB, url string, set ...func(*visclient.Options)) *visclient.Client {
	t.Helper()
	o := visclient.Options{URL: url, AccessKey: "foo", SecretKey: "bar"}
	for _, f := range set {
		f(&o)
	}
	c, err := visclient.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func embedded(t testing.TB) (*visclient.Client, *front) {
	t.Helper()
	return serve(t, vis(t, visserver.Options{}))
}

func patience(d time.Duration) func(*visclient.Options) {
	return func(o *visclient.Options) { o.Timeout = d }
}

func asAlice(o *visclient.Options) { o.AccessKey, o.SecretKey = "alice", "wonder" }

// fields returns those of an image of a name; more are further names and values.
func fields(name string, more ...string) meta.Fields {
	f := meta.Fields{"name": name, "architecture": "x86_64"}
	for i := 0; i < len(more); i += 2 {
		f[more[i]] = more[i+1]
	}
	return f
}

// post registers an image, with data unless they are "".
func post(t testing.TB, c *visclient.Client, f meta.Fields, data string) *meta.Image {
	t.Helper()
	var body io.Reader
	if data != "" {
		body = strings.NewReader(data)
	}
	img, err := c.PostImage(t.Context(), f, body)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func read(t testing.TB, b *visclient.Body, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	data, err := io.ReadAll(b)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func md5Of(data string) string {
	sum := md5.Sum([]byte(data))
	return hex.EncodeToString(sum[:])
}

// replyWith answers {"image": ...}.
func replyWith(w http.ResponseWriter, img *meta.Image) {
	_, _ = w.Write(append(img.AppendJSON([]byte(`{"image":`), meta.Detail), '}'))
}

func wantError(t testing.TB, what string, err error, kind error) {
	t.Helper()
	var e *visclient.Error
	switch {
	case err == nil:
		t.Errorf("%s: no error, want %q", what, kind)
	case !errors.Is(err, kind):
		t.Errorf("%s: %v, want %q", what, err, kind)
	case !errors.As(err, &e):
		t.Errorf("%s: %T is no *visclient.Error", what, err)
	case e.Op == "":
		t.Errorf("%s: %v has no operation", what, err)
	}
}

// errStuck is what within returns for a call that does not end.
var errStuck = errors.New("it does not end")

// within returns the error of a call, and fails the test when it takes too long.
func within(t testing.TB, limit time.Duration, what string, call func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- call() }()
	select {
	case err := <-done:
		return err
	case <-time.After(limit):
		t.Errorf("%s has not ended after %v", what, limit)
		return errStuck
	}
}
