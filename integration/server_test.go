//go:build linux

package integration

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// server is a running "visorfs serve".
type server struct {
	*program
	t    *testing.T
	url  string
	data string
	args []string
}

// startServer starts a server on a free port, with an empty repository.
func startServer(t *testing.T, args ...string) *server {
	t.Helper()
	s := &server{t: t, data: t.TempDir(), args: args}
	s.start("127.0.0.1:0")
	return s
}

func (s *server) start(listen string) {
	s.t.Helper()
	args := append([]string{"serve", "--listen", listen, "--data", s.data}, s.args...)
	s.program = start(s.t, launch{}, args...)
	_, s.url, _ = strings.Cut(s.ready(), " at ")
}

// restart starts a server that has ended again, at the address it had.
func (s *server) restart() {
	s.t.Helper()
	s.start(strings.TrimPrefix(s.url, "http://"))
}

// request is what a test asks a server directly.
type request struct {
	method string
	path   string
	user   string // default the one who mounts
	fields map[string]string
	body   []byte // nil for none
	slow   bool   // the body comes in parts
}

// do sends a request that is signed here, by the rules of VIS, and returns the reply.
func (s *server) do(r request) (status int, header http.Header, body []byte) {
	s.t.Helper()
	status, header, body, err := s.ask(r)
	if err != nil {
		s.t.Fatal(err)
	}
	return status, header, body
}

// ask is do of a server that may not answer.
func (s *server) ask(r request) (status int, header http.Header, body []byte, err error) {
	req, err := http.NewRequest(r.method, s.url+r.path, r.reader())
	if err != nil {
		return 0, nil, nil, err
	}
	for name, value := range r.fields {
		req.Header.Set("x-image-meta-"+name, value)
	}
	if r.body != nil {
		req.Header.Set("Content-Type", "application/octet-stream")
	}
	req.Close = true // the original server ends connections without a word
	key, secret := accessKey, secretKey
	if r.user != "" {
		key, secret = r.user, users[r.user]
	}
	sign(req, key, secret, time.Now())

	client := http.Client{Timeout: 30 * time.Second}
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, body, err
}

func (r request) reader() io.Reader {
	if r.slow {
		return &slowReader{bytes.NewReader(r.body)}
	}
	return bytes.NewReader(r.body)
}

// slowReader gives a few bytes at a time, and does not tell how many there will be.
type slowReader struct{ from io.Reader }

func (r *slowReader) Read(p []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return r.from.Read(p[:min(len(p), 16<<10)])
}

// sign signs a request as a user whose clock shows a time.
func sign(r *http.Request, key, secret string, now time.Time) {
	date := now.UTC().Format(http.TimeFormat)
	r.Header.Set("Date", date)
	var fields []string
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-image-meta-") {
			fields = append(fields, name+":"+values[0])
		}
	}
	slices.Sort(fields)
	lines := slices.Concat([]string{r.Method, "", r.Header.Get("Content-Type"), date}, fields, []string{r.URL.EscapedPath()})
	mac := hmac.New(sha1.New, []byte(secret))
	mac.Write([]byte(strings.Join(lines, "\n")))
	r.Header.Set("Authorization", "VISOR "+key+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// image is an image as the server lists it; an absent attribute is nil.
type image map[string]any

func (img image) text(attribute string) string {
	text, _ := img[attribute].(string)
	return text
}

// images returns what the server lists.
func (s *server) images() []image {
	s.t.Helper()
	return s.answer("")
}

// answer returns what the server answers to a query.
func (s *server) answer(query string) []image {
	s.t.Helper()
	status, _, body := s.do(request{method: "GET", path: "/images/detail?" + query})
	if status == http.StatusNotFound {
		return nil
	}
	var list struct{ Images []image }
	if err := json.Unmarshal(body, &list); err != nil || status != http.StatusOK {
		s.t.Fatalf("list of images: %d %s: %v", status, body, err)
	}
	return list.Images
}

// only returns the one image of a name that the server has.
func (s *server) only(name string) image {
	s.t.Helper()
	found := slices.DeleteFunc(s.images(), func(img image) bool { return img.text("name") != name })
	if len(found) != 1 {
		s.t.Fatalf("the server has %d images named %q, want one: %v", len(found), name, found)
	}
	return found[0]
}

// post registers an image, with data unless they are nil, and returns its id.
func (s *server) post(name string, data []byte, extra map[string]string) string {
	s.t.Helper()
	return s.postAs("", name, data, extra)
}

// postAs is post by another user.
func (s *server) postAs(user, name string, data []byte, extra map[string]string) string {
	s.t.Helper()
	fields := map[string]string{"name": name, "architecture": "x86_64"}
	for k, v := range extra {
		fields[k] = v
	}
	status, _, body := s.do(request{method: "POST", path: "/images", user: user, fields: fields, body: data})
	var reply struct{ Image image }
	if err := json.Unmarshal(body, &reply); err != nil || status != http.StatusOK {
		s.t.Fatalf("POST of %q: %d %s: %v", name, status, body, err)
	}
	return reply.Image.text("_id")
}

// delete removes an image behind the back of the mounts.
func (s *server) delete(id string) {
	s.t.Helper()
	if status, _, body := s.do(request{method: "DELETE", path: "/images/" + id}); status != http.StatusOK {
		s.t.Fatalf("DELETE of %s: %d %s", id, status, body)
	}
}

// wantStored demands that the server has one image of a name, available, with these bytes.
func (s *server) wantStored(name string, want []byte) image {
	s.t.Helper()
	img := s.only(name)
	if img.text("status") != "available" {
		s.t.Errorf("%s is %q on the server, want available", name, img.text("status"))
	}
	status, _, got := s.do(request{method: "GET", path: "/images/" + img.text("_id")})
	if status != http.StatusOK || !bytes.Equal(got, want) {
		s.t.Errorf("%s: the server (%d) has %d other bytes than the %d that were written", name, status, len(got), len(want))
	}
	return img
}

// wantEmpty demands that the server has no image, perhaps in a moment.
func (s *server) wantEmpty() {
	s.t.Helper()
	eventually(s.t, "the server has no image", func() bool { return len(s.images()) == 0 })
}
