//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"io"
	iofs "io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// hostile is a server that lists what it likes beside the images of a real one, and answers
// requests for those as it likes.
type hostile struct {
	url string

	mu      sync.Mutex
	records []map[string]any
	answers map[string]http.HandlerFunc // by the path of a request
	spoil   func(list []byte) []byte    // what becomes of a whole list; nil for nothing
}

func startHostile(t *testing.T, s *server) *hostile {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	h := &hostile{answers: make(map[string]http.HandlerFunc)}
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Header.Del("If-None-Match") // a list is never the one before
		},
		ModifyResponse: h.addRecords,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		answer := h.answers[r.URL.Path]
		h.mu.Unlock()
		if answer == nil {
			answer = pass.ServeHTTP
		}
		answer(w, r)
	}))
	h.url = front.URL
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	return h
}

// list adds a record to the list, of an image of 1000 bytes unless it says otherwise.
func (h *hostile) list(record map[string]any, answer http.HandlerFunc) {
	whole := map[string]any{
		"architecture": "x86_64", "access": "public", "status": "available", "store": "file", "owner": accessKey, "size": 1000,
		"created_at": "2036-01-01 00:00:00 UTC", "uploaded_at": "2026-01-01 00:00:00 UTC",
		"checksum": md5Hex(random(600, 1000)),
	}
	for key, value := range record {
		whole[key] = value
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.records = append(h.records, whole)
	if id, _ := record["_id"].(string); answer != nil {
		h.answers["/images/"+id] = answer
	}
}

func (h *hostile) setSpoil(spoil func([]byte) []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spoil = spoil
}

func (h *hostile) addRecords(resp *http.Response) error {
	if resp.Request.URL.Path != "/images/detail" || resp.StatusCode != http.StatusOK {
		return nil
	}
	var list struct {
		Images []map[string]any `json:"images"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return err
	}
	h.mu.Lock()
	list.Images = append(list.Images, h.records...)
	spoil := h.spoil
	h.mu.Unlock()
	body, err := json.Marshal(list)
	if spoil != nil {
		body = spoil(body)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
	resp.Header.Del("ETag")
	return err
}

// hostileMount is a mount of a hostile server, whose directories are deep in one that has
// nothing else.
type hostileMount struct {
	*mount
	base string
	s    *server // the one behind it
	good []byte  // the data of good.img
}

func mountHostile(t *testing.T, s *server, h *hostile, ttl string) *hostileMount {
	t.Helper()
	m := &hostileMount{base: t.TempDir(), s: s, good: random(601, 300_000)}
	s.post("good.img", m.good, nil)
	below := filepath.Join(m.base, "a", "b", "c")
	if err := os.MkdirAll(below, 0o700); err != nil {
		t.Fatal(err)
	}
	m.mount = launchMount(t, launch{dir: below}, "mount", "--url", h.url, "--metadata-ttl", ttl, "--timeout", "2s", "--memory", "8MiB",
		"--cache-dir", filepath.Join(below, "cache"), "--spool-dir", filepath.Join(below, "spool"))
	m.allowLog(`level=(WARN|ERROR)`)
	return m
}

// wantUnharmed demands that other images work, and that nothing was made or panicked
// anywhere.
func (m *hostileMount) wantUnharmed(t *testing.T, after string) {
	t.Helper()
	wantContent(t, m.path("good.img"), m.good)
	data := random(602, 50_000)
	if err := os.WriteFile(m.path("new.img"), data, 0o644); err != nil {
		t.Errorf("after %s: %v", after, err)
	}
	m.s.wantStored("new.img", data)
	if err := os.Remove(m.path("new.img")); err != nil {
		t.Errorf("after %s: %v", after, err)
	}
	if log := m.stderr.String(); strings.Contains(log, "panic") || strings.Contains(log, "goroutine ") {
		t.Fatalf("after %s: %s", after, log)
	}
	m.wantNothingOutside(t, after)
}

func (m *hostileMount) wantNothingOutside(t *testing.T, after string) {
	t.Helper()
	err := filepath.WalkDir(m.base, func(path string, entry iofs.DirEntry, err error) error {
		rel, _ := filepath.Rel(m.base, path)
		switch inside, _ := filepath.Match("a/b/c/*", rel); {
		case err != nil:
			return err
		case rel == "." || rel == "a" || rel == "a/b" || rel == "a/b/c":
			return nil
		case inside && (entry.Name() == "cache" || entry.Name() == "spool"):
			return wantFlat(t, path, after)
		}
		t.Errorf("after %s: there is %s", after, rel)
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// wantFlat demands that a directory has nothing but files of names that visorfs makes.
func wantFlat(t *testing.T, dir, after string) error {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		known := name == "visorfs-cache" || name == "lost+found" || strings.HasSuffix(name, ".data") || strings.HasSuffix(name, ".index") ||
			strings.HasSuffix(name, ".spool")
		if !known || entry.Type()&^iofs.ModeDir != 0 {
			t.Errorf("after %s: there is %s in %s", after, name, dir)
		}
	}
	return iofs.SkipDir
}

func TestHostileNamesAndIDsLeadNowhere(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := startHostile(t, s)
	const id = "00000000-0000-4000-8000-0000000000"
	for i, name := range []string{
		"../../escape", "..", ".", "../", "/etc/passwd", "a/../../b", "a//b", "x\x00y", "line\nbreak", "\x1b[2J\x1b]0;owned\a", "",
		".by-id/x", ".query/x", ".visorfs/status.json", strings.Repeat("n", 1<<20), strings.Repeat("d/", 1<<12) + "x", "good.img", "other.img", "other.img/below",
		" ", "\xff\xfe", "user.visor.\x00", "-rf", "$(touch injected)",
	} {
		h.list(map[string]any{"_id": id + strconv.Itoa(10+i), "name": name}, nil)
	}
	for i, id := range []string{
		"../../etc/passwd", "../../../x", "..", ".", "/etc/passwd", "x\x00y", "x\ny", "x\r\nX-Injected: 1", "?", "#", "%2e%2e%2f", "detail",
		strings.Repeat("i", 1<<16), "-", "*", "~", id + "99", id + "99", id + "99",
	} {
		h.list(map[string]any{"_id": id, "name": "id" + strconv.Itoa(i) + ".img"}, nil)
	}
	h.list(map[string]any{"_id": id + "98", "name": "keys", "../../k": "v", "k\x00": "v", "a\nb": "v\x00w", strings.Repeat("k", 1000): strings.Repeat("v", 1<<20), "mtime": "never"}, nil)
	h.list(map[string]any{"_id": id + "97", "name": "huge.img", "size": int64(1) << 62}, nil)
	m := mountHostile(t, s, h, "5s")

	entries, err := os.ReadDir(m.dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) < 30 {
		t.Errorf("ls shows %d entries", len(entries))
	}
	for _, entry := range entries {
		name := entry.Name()
		if strings.ContainsAny(name, "/\x00\n\x1b") || name == "." || name == ".." || name == ".by-id" || name == ".query" {
			t.Errorf("ls shows %q", name)
		}
	}
	// Whatever these answer, they end, and name no other file of this machine.
	_ = try(t, "find", m.dir, "-ls")
	_ = try(t, "getfattr", "-R", "-d", "--absolute-names", m.dir)
	for _, out := range []string{
		try(t, "sh", "-c", `cat "$1"/id*`, "sh", m.dir).stdout,
		try(t, "grep", "-r", "root:", m.dir).stdout,
	} {
		if strings.Contains(out, "root:") {
			t.Errorf("a file of this machine is read: %q", out)
		}
	}
	_ = try(t, "sh", "-c", `for f in "$1"/id*; do echo x >"$f"; mv "$f" "$f.moved"; setfattr -n user.visor.note -v x "$f.moved"; rm "$f.moved"; done`, "sh", m.dir)
	wantErrno(t, "read beyond the start of 2^62 bytes", readOneByte(m.path("huge.img"), 1<<61), errnosOfBroken...)
	m.wantUnharmed(t, "names and ids")
	m.wantMemory(t, "names and ids")
}

func TestHostileListIsAnErrorAndNothingElse(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := startHostile(t, s)
	m := mountHostile(t, s, h, "100ms")
	for what, text := range map[string]string{
		"no list":         `"images"`,
		"null":            `null`,
		"negative size":   `{"images":[{"_id":"x","name":"x","size":-1}]}`,
		"size too large":  `{"images":[{"_id":"x","name":"x","size":1e400}]}`,
		"size of words":   `{"images":[{"_id":"x","name":"x","size":"many"}]}`,
		"no id":           `{"images":[{"name":"x"}]}`,
		"numbers":         `{"images":[1,2,3]}`,
		"nested deeply":   `{"images":[{"_id":"x","name":` + strings.Repeat("[", 1<<20),
		"cut":             `{"images":[{"_id":"x","na`,
		"not UTF-8":       "{\"images\":[{\"_id\":\"x\",\"name\":\"\xff\"}]}",
		"half surrogates": `{"images":[{"_id":"x","name":"\ud800"}]}`,
		"blanks":          strings.Repeat(" ", 64<<20),
		"a bare value":    `{"images":[{"_id":"` + strings.Repeat("x", 64<<20),
	} {
		h.setSpoil(func([]byte) []byte { return []byte(text) })
		_ = try(t, "ls", "-l", m.dir) // an error, or what there is
		_ = try(t, "stat", m.path("x"))
		h.setSpoil(nil)
		eventually(t, "the good image is back after "+what, func() bool { return strings.Contains(try(t, "ls", m.dir).stdout, "good.img") })
		m.wantUnharmed(t, what)
	}
	m.wantMemory(t, "lists")
}
