package visserver_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visserver"
)

var users = map[string]string{"foo": "bar", "alice": "wonder"}

// vis is a running server and the directory it serves.
type vis struct {
	t       *testing.T
	dir     string
	handler *visserver.Server
	http    *httptest.Server
}

func start(t *testing.T, options visserver.Options) *vis {
	t.Helper()
	if options.Dir == "" {
		options.Dir = t.TempDir()
	}
	options.Users = users
	handler, err := visserver.New(options)
	if err != nil {
		t.Fatal(err)
	}
	v := &vis{t: t, dir: options.Dir, handler: handler, http: httptest.NewServer(handler)}
	t.Cleanup(v.stop)
	return v
}

func (v *vis) stop() {
	v.t.Helper()
	v.http.Close()
	if err := v.handler.Close(); err != nil {
		v.t.Error(err)
	}
}

// request is what a test sends; only method and path are required.
type request struct {
	user         string // foo if empty
	method, path string
	header       map[string]string // names as signed: lower case
	body         io.Reader
}

// sign is the test's own reading of wire.md, section 3.
func sign(r *http.Request, user string) {
	signAt(r, user, time.Now().UTC().Format(http.TimeFormat))
}

// signAt signs with a Date of the test's choice; "" is none.
func signAt(r *http.Request, user, date string) {
	if date != "" {
		r.Header.Set("Date", date)
	}
	text := r.Method + "\n" + r.Header.Get("Content-MD5") + "\n" + r.Header.Get("Content-Type") + "\n" + r.Header.Get("Date") + "\n"
	var lines []string
	for name, values := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-image-meta-") {
			lines = append(lines, name+":"+values[0]+"\n")
		}
	}
	sort.Strings(lines)
	mac := hmac.New(sha1.New, []byte(users[user]))
	_, _ = io.WriteString(mac, text+strings.Join(lines, "")+r.URL.EscapedPath())
	r.Header.Set("Authorization", "VISOR "+user+":"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func (v *vis) prepare(q request) *http.Request {
	v.t.Helper()
	r, err := http.NewRequest(q.method, v.http.URL+q.path, q.body)
	if err != nil {
		v.t.Fatal(err)
	}
	if q.body != nil {
		r.Header.Set("Content-Type", "application/octet-stream")
	}
	for name, value := range q.header {
		r.Header.Set(name, value)
	}
	if q.user == "" {
		q.user = "foo"
	}
	sign(r, q.user)
	return r
}

// reply is a response whose body has been read.
type reply struct {
	*http.Response
	body string
}

func (v *vis) send(r *http.Request) reply {
	v.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		v.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	return reply{resp, string(body)}
}

func (v *vis) do(q request) reply {
	v.t.Helper()
	return v.send(v.prepare(q))
}

// attributes is an image as JSON has it.
type attributes map[string]any

func (r reply) image(t *testing.T) attributes {
	t.Helper()
	var got struct{ Image attributes }
	if err := json.Unmarshal([]byte(r.body), &got); err != nil || r.StatusCode != 200 {
		t.Fatalf("%s %s: %s: %s", r.Request.Method, r.Request.URL.Path, r.Status, r.body)
	}
	return got.Image
}

func (a attributes) id() string { return a["_id"].(string) }

// path is where the image is served.
func (a attributes) path() string { return "/images/" + a.id() }

func (r reply) wantError(t *testing.T, code int, message string) {
	t.Helper()
	var got struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal([]byte(r.body), &got); err != nil {
		t.Errorf("%s %s: %s: no JSON: %q", r.Request.Method, r.Request.URL, r.Status, r.body)
		return
	}
	if r.StatusCode != code || got.Code != code || !strings.Contains(got.Message, message) {
		t.Errorf("%s %s: %s: %s, want %d with %q", r.Request.Method, r.Request.URL, r.Status, r.body, code, message)
	}
	if ct := r.Header.Get("Content-Type"); ct != "application/json; charset=utf-8" {
		t.Errorf("error has Content-Type %q", ct)
	}
}

// post registers an image; more holds further "name", "value" pairs of attributes.
func (v *vis) post(name, data string, more ...string) attributes {
	v.t.Helper()
	q := request{method: "POST", path: "/images", header: headers(append(more, "name", name, "architecture", "x86_64")...)}
	if data != "" {
		q.body = strings.NewReader(data)
	}
	return v.do(q).image(v.t)
}

func headers(pairs ...string) map[string]string {
	h := make(map[string]string)
	for i := 0; i < len(pairs); i += 2 {
		h["x-image-meta-"+pairs[i]] = pairs[i+1]
	}
	return h
}

func (v *vis) head(path string) http.Header {
	v.t.Helper()
	r := v.do(request{method: "HEAD", path: path})
	if r.StatusCode != 200 {
		v.t.Fatalf("HEAD %s: %s", path, r.Status)
	}
	return r.Header
}

// files lists the files in the directory that hold image data, whole or not.
func (v *vis) files() []string {
	v.t.Helper()
	var names []string
	for _, dir := range []string{"images", "incoming"} {
		found, err := filepath.Glob(filepath.Join(v.dir, dir, "*"))
		if err != nil {
			v.t.Fatal(err)
		}
		names = append(names, found...)
	}
	return names
}

func TestNewRefusesWhatCannotServe(t *testing.T) {
	for name, options := range map[string]visserver.Options{
		"no users":     {Dir: t.TempDir()},
		"empty secret": {Dir: t.TempDir(), Users: map[string]string{"foo": ""}},
		"no directory": {Users: users},
	} {
		if s, err := visserver.New(options); err == nil {
			t.Errorf("%s: accepted", name)
			_ = s.Close()
		}
	}
}

func TestDirectoryInUseIsRefused(t *testing.T) {
	v := start(t, visserver.Options{})
	_, err := visserver.New(visserver.Options{Dir: v.dir, Users: users})
	if err == nil || !strings.Contains(err.Error(), "in use by another server") {
		t.Errorf("second server in one directory: %v", err)
	}
}

func TestFilesAreForTheServerOnly(t *testing.T) {
	v := start(t, visserver.Options{Dir: filepath.Join(t.TempDir(), "a", "b")})
	v.post("private matter", "data")
	err := filepath.Walk(v.dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestLogNamesRequestsButNoSecrets(t *testing.T) {
	var log bytes.Buffer
	v := start(t, visserver.Options{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	img := v.post("x", "data")
	r := v.prepare(request{method: "GET", path: img.path()})
	v.send(r)
	v.http.Close() // the log is complete now
	for _, want := range []string{"method=GET", "path=" + img.path(), "status=200", "bytes=4", "user=foo", "duration="} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in the log:\n%s", want, log.String())
		}
	}
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), ":")
	if strings.Contains(log.String(), signature) {
		t.Errorf("signature in the log:\n%s", log.String())
	}
}
