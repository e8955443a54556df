package original

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// client sends signed requests as foo, one connection each.
type client struct {
	t    testing.TB
	addr string
}

// answer is a reply, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (a answer) image(t testing.TB) map[string]any {
	t.Helper()
	var reply struct{ Image map[string]any }
	if err := json.Unmarshal(a.body, &reply); err != nil || reply.Image == nil {
		t.Fatalf("status %d, no image in %q (%v)", a.status, a.body, err)
	}
	return reply.Image
}

// newServer is a server in a directory of its own, unless the options name one, and
// without the pauses of VMS.
func newServer(t testing.TB, o Options) (*Server, client) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.roundTrip == 0 {
		o.roundTrip = -1
	}
	o.Users = secrets
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, client{t, serveOn(t, s)}
}

// send sends a request with metadata given as name, value, name, value; of a name the
// last value counts. A nil body is none. It may be
// called from any goroutine.
func (c client) send(method, path string, body []byte, metadata ...string) answer {
	c.t.Helper()
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	req, err := http.NewRequest(method, "http://"+c.addr+path, in)
	if err != nil {
		c.t.Error(err)
		return answer{}
	}
	req.Close = true
	for i := 0; i < len(metadata); i += 2 {
		req.Header.Set("X-Image-Meta-"+metadata[i], metadata[i+1])
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	req.Header.Set("Date", "Tue, 24 Nov 2026 03:49:28 GMT")
	c.sign(req)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Error(err)
		return answer{}
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Error(err)
		return answer{}
	}
	return answer{resp.StatusCode, resp.Header, got}
}

func (c client) sign(req *http.Request) {
	signed := &request{method: req.Method, path: req.URL.EscapedPath()}
	for name, values := range req.Header {
		signed.header = append(signed.header, field{name, values})
	}
	req.Header.Set("Authorization", "VISOR foo:"+signature(secrets["foo"], (&Server{}).described(signed)))
}

// register makes an image and returns its id.
func (c client) register(body []byte, metadata ...string) string {
	c.t.Helper()
	a := c.send("POST", "/images", body, append([]string{"name", "x", "architecture", "i386"}, metadata...)...)
	if a.status != http.StatusOK {
		c.t.Fatalf("POST: %d %s", a.status, a.body)
	}
	return a.image(c.t)["_id"].(string)
}

// expect sends a request without a body and checks the reply.
func (c client) expect(status int, text, method, path string, metadata ...string) {
	c.t.Helper()
	a := c.send(method, path, nil, metadata...)
	if a.status != status || !strings.Contains(string(a.body), text) {
		c.t.Errorf("%s %s: %d %s\nwant %d …%s…", method, path, a.status, a.body, status, text)
	}
}

func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("never: ", what)
		}
	}
}

// pattern is n bytes that differ from block to block.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return -1
	}
	return info.Size()
}

func storePath(s *Server, id string) string { return filepath.Join(s.store.dir, id+".none") }
