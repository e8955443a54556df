package main

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// repository is an embedded server with the user foo, and what was asked of it. The
// test that has one works in an empty directory.
type repository struct {
	t      *testing.T
	client *visclient.Client
	url    string

	mu       sync.Mutex
	handler  http.Handler // answers; see answerWith
	requests []*http.Request
	sent     int64 // bytes of all replies' bodies
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	isolate(t)
	vis, err := visserver.New(visserver.Options{Dir: t.TempDir(), Users: map[string]string{"foo": "bar", "alice": "wonder"}})
	if err != nil {
		t.Fatal(err)
	}
	r := &repository{t: t, handler: vis}
	server := httptest.NewServer(r)
	t.Cleanup(func() {
		server.Close()
		if err := vis.Close(); err != nil {
			t.Error(err)
		}
	})
	r.url = server.URL
	r.client = r.as("foo", "bar")
	return r
}

// as returns another user's client.
func (r *repository) as(access, secret string) *visclient.Client {
	r.t.Helper()
	client, err := visclient.New(visclient.Options{URL: r.url, AccessKey: access, SecretKey: secret})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.CloseIdleConnections)
	return client
}

func (r *repository) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	r.requests = append(r.requests, req)
	handler := r.handler
	r.mu.Unlock()
	handler.ServeHTTP(&countedReply{w, r}, req)
}

type countedReply struct {
	http.ResponseWriter
	r *repository
}

func (c *countedReply) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *countedReply) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.r.mu.Lock()
	c.r.sent += int64(n)
	c.r.mu.Unlock()
	return n, err
}

// answerWith puts a handler before the server.
func (r *repository) answerWith(answer func(next http.Handler) http.HandlerFunc) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.handler = answer(r.handler)
}

// forget starts counting anew.
func (r *repository) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.sent = nil, 0
}

func (r *repository) count(method string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, req := range r.requests {
		if req.Method == method {
			n++
		}
	}
	return n
}

// wantSent waits for the count of bytes that came: a client can have the last of them
// before the server has counted it.
func (r *repository) wantSent(want int64) {
	r.t.Helper()
	var sent int64
	for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		r.mu.Lock()
		sent = r.sent
		r.mu.Unlock()
		if sent >= want {
			break
		}
	}
	if sent != want {
		r.t.Errorf("%d bytes came, want %d", sent, want)
	}
}

// outcome is what a command did.
type outcome struct {
	out, errOut string
	err         error
}

func (o outcome) code() int {
	var usage usageError
	switch {
	case o.err == nil:
		return 0
	case errors.As(o.err, &usage):
		return exitUsage
	}
	return exitFailure
}

// image runs "visorfs image ARGS...".
func (r *repository) image(args ...string) outcome {
	return r.imageWith(r.t.Context(), strings.NewReader(""), args...)
}

func (r *repository) imageWith(ctx context.Context, stdin io.Reader, args ...string) outcome {
	r.t.Helper()
	var out, errOut bytes.Buffer
	root := newRoot()
	root.SetIn(stdin)
	root.SetOut(&out)
	root.SetErr(&errOut)
	root.SetArgs(r.command(args))
	err := root.ExecuteContext(ctx)
	return outcome{out.String(), errOut.String(), err}
}

func (r *repository) command(args []string) []string {
	return append([]string{"image", "--url", r.url, "--access-key", "foo", "--secret-key", "bar"}, args...)
}

// ok runs a command that must succeed, and returns its output.
func (r *repository) ok(args ...string) string {
	r.t.Helper()
	o := r.image(args...)
	if o.err != nil {
		r.t.Fatalf("image %q: %v", args, o.err)
	}
	return o.out
}

// refuses runs a command that must fail with a code and a text.
func (r *repository) refuses(code int, text string, args ...string) outcome {
	r.t.Helper()
	o := r.image(args...)
	if o.code() != code || o.err == nil || !strings.Contains(o.err.Error(), text) {
		r.t.Errorf("image %q: exit code %d, %v; want %d, %q", args, o.code(), o.err, code, text)
	}
	return o
}

// add stores an image without the commands; "" is one without data.
func (r *repository) add(name, data string, more ...string) *meta.Image {
	r.t.Helper()
	fields := meta.Fields{"name": name, "architecture": "x86_64"}
	for i := 0; i < len(more); i += 2 {
		fields[more[i]] = more[i+1]
	}
	var body io.Reader
	if data != "" {
		body = strings.NewReader(data)
	}
	img, err := r.client.PostImage(r.t.Context(), fields, body)
	if err != nil {
		r.t.Fatal(err)
	}
	return img
}

func (r *repository) head(id string) *meta.Image {
	r.t.Helper()
	img, err := r.client.HeadImage(r.t.Context(), meta.ID(strings.TrimSpace(id)))
	if err != nil {
		r.t.Fatal(err)
	}
	return img
}

func writeFile(t *testing.T, name, data string) string {
	t.Helper()
	if err := os.WriteFile(name, []byte(data), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func wantFile(t *testing.T, name, data string) {
	t.Helper()
	got, err := os.ReadFile(name)
	if err != nil || string(got) != data {
		t.Errorf("%s: %d bytes, the right ones: %v, %v", name, len(got), string(got) == data, err)
	}
}

// wantOnly demands that the working directory holds these files and no others.
func wantOnly(t *testing.T, names ...string) {
	t.Helper()
	found, err := filepath.Glob("*")
	if err != nil {
		t.Fatal(err)
	}
	hidden, err := filepath.Glob(".*")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(append(found, hidden...), " "), strings.Join(names, " "); got != want {
		t.Errorf("the directory holds %q, want %q", got, want)
	}
}

func sumOf(data string) string {
	sum := md5.Sum([]byte(data))
	return hex.EncodeToString(sum[:])
}

func imageFromJSON(t *testing.T, text string) *meta.Image {
	t.Helper()
	img := new(meta.Image)
	if err := json.Unmarshal([]byte(text), img); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return img
}

const nobody = "00000000-0000-4000-8000-000000000000"

func TestImageCommandsTellHowTheyAreUsed(t *testing.T) {
	r := newRepository(t)
	for _, test := range []struct {
		want string
		args []string
	}{
		{"no command", []string{"lst"}},
		{"ID|NAME", []string{"show"}},
		{"unexpected argument", []string{"list", "x"}},
		{"one ID|NAME", []string{"show", "a", "b"}},
		{"ID|NAME [FILE|-]", []string{"get"}},
		{`unexpected argument "c"`, []string{"get", "a", "b", "c"}},
		{"KEY=VALUE", []string{"add"}},
		{"ID|NAME", []string{"update"}},
		{"nothing to change", []string{"update", nobody}},
		{"ID|NAME", []string{"delete"}},
		{"no such attribute", []string{"list", "--sort", "colour"}},
		{"asc or desc", []string{"list", "--dir", "up"}},
		{"ATTRIBUTE=VALUE", []string{"list", "--query", "iso"}},
		{"more than once", []string{"list", "--query", "name=a&name=b"}},
		{"--bogus", []string{"list", "--bogus"}},
	} {
		r.refuses(exitUsage, test.want, test.args...)
	}
	if n := len(r.requests); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestImageCommandsNeedKeys(t *testing.T) {
	r := newRepository(t)
	root := newRoot()
	root.SetArgs([]string{"image", "list", "--url", r.url})
	if o := (outcome{err: root.Execute()}); o.code() != exitUsage || !strings.Contains(o.err.Error(), "no access key") {
		t.Errorf("%d, %v", o.code(), o.err)
	}
	root.SetArgs([]string{"image", "list", "--url", r.url, "--access-key", "foo", "--secret-key", "wrong"})
	if o := (outcome{err: root.Execute()}); o.code() != exitFailure || !strings.Contains(o.err.Error(), "refuses the access key") {
		t.Errorf("%d, %v", o.code(), o.err)
	}
}

func TestEveryImageCommandHasAnExample(t *testing.T) {
	for _, cmd := range append(newImage().Commands(), newImage()) {
		if cmd.Short == "" || cmd.Long == "" || !strings.Contains(cmd.Example, "visorfs image") {
			t.Errorf("%s teaches too little", cmd.Name())
		}
	}
}

func TestImageIsFoundByIDAndByName(t *testing.T) {
	r := newRepository(t)
	img := r.add("debian.iso", "data")
	r.add("DEBIAN.ISO", "other") // servers ignore case
	r.add("it's", "quoted")
	for _, word := range []string{string(img.ID), "debian.iso"} {
		if got := imageFromJSON(t, r.ok("show", "--json", word)); got.ID != img.ID {
			t.Errorf("%s is %s, want %s", word, got.ID, img.ID)
		}
	}
	if got := imageFromJSON(t, r.ok("show", "--json", "it's")); got.Name != "it's" {
		t.Errorf("it's is %q", got.Name)
	}
	for _, req := range r.requests {
		if strings.Contains(req.URL.RawQuery, "%27") {
			t.Errorf("a quote was sent to where it may be pasted into SQL: %s", req.URL)
		}
	}
	r.refuses(exitFailure, `no image "ubuntu.iso"`, "show", "ubuntu.iso")
	r.refuses(exitFailure, "404", "show", nobody)

	twin := r.add("debian.iso", "twin")
	o := r.refuses(exitFailure, "2 images", "show", "debian.iso")
	for _, id := range []meta.ID{img.ID, twin.ID} {
		if !strings.Contains(o.err.Error(), string(id)) {
			t.Errorf("%v does not say %s", o.err, id)
		}
	}
}

func TestShowPrintsEveryAttributeAligned(t *testing.T) {
	r := newRepository(t)
	img := r.add("debian.iso", "data", "type", "machine", "colour", "red")
	want := []string{
		"_id           " + string(img.ID),
		"name          debian.iso",
		"architecture  x86_64",
		"type          machine",
		"size          4",
		"checksum      " + sumOf("data"),
		"colour        red",
	}
	lines := strings.Split(r.ok("show", "debian.iso"), "\n")
	for _, line := range want {
		found := false
		for _, got := range lines {
			found = found || got == line
		}
		if !found {
			t.Errorf("no line %q in %q", line, lines)
		}
	}
}
