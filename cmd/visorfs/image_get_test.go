package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
)

func randomData(size int) string {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(data)
	return string(data)
}

func TestGetWritesTheImageUnderItsName(t *testing.T) {
	r := newRepository(t)
	data := randomData(1 << 20)
	r.add("linux/debian.iso", data)
	if o := r.image("get", "linux/debian.iso"); o.err != nil || !strings.Contains(o.errOut, "debian.iso is complete") {
		t.Errorf("%+v", o)
	}
	wantFile(t, "debian.iso", data)
	wantOnly(t, "debian.iso")

	r.ok("get", "linux/debian.iso", "other.iso")
	wantFile(t, "other.iso", data)
	dir := t.TempDir()
	if o := r.image("get", "-q", "linux/debian.iso", dir); o.err != nil || o.errOut != "" {
		t.Errorf("%+v", o)
	}
	wantFile(t, filepath.Join(dir, "debian.iso"), data)
}

func TestGetReplacesAFileOnlyWithForce(t *testing.T) {
	r := newRepository(t)
	r.add("a.iso", "new data")
	writeFile(t, "a.iso", "precious")
	r.forget()
	r.refuses(exitFailure, "exists already", "get", "a.iso")
	wantFile(t, "a.iso", "precious")
	r.ok("get", "--force", "a.iso")
	wantFile(t, "a.iso", "new data")
	wantOnly(t, "a.iso")
	r.refuses(exitFailure, "not a regular file", "get", "--force", "a.iso", "/dev/null")
}

func TestGetWritesToStandardOutput(t *testing.T) {
	r := newRepository(t)
	data := randomData(300_000)
	r.add("a.iso", data)
	if out := r.ok("get", "a.iso", "-"); out != data {
		t.Errorf("%d bytes, want %d", len(out), len(data))
	}
	wantOnly(t)
}

func TestGetNeedsData(t *testing.T) {
	r := newRepository(t)
	r.add("a.iso", "")
	r.refuses(exitFailure, `"locked"`, "get", "a.iso")
	r.refuses(exitFailure, "404", "get", nobody)
	wantOnly(t)
}

// breaking passes a file's bytes on until so many are sent, and then waits for the
// client to go, or drops it.
func breaking(after int, stall bool) func(http.Handler) http.HandlerFunc {
	return func(next http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) {
			b := &breakingReply{ResponseWriter: w, req: req, left: after, stall: stall}
			next.ServeHTTP(b, req)
			if b.left == 0 && req.Method == http.MethodGet {
				panic(http.ErrAbortHandler)
			}
		}
	}
}

type breakingReply struct {
	http.ResponseWriter
	req   *http.Request
	left  int
	stall bool
}

func (b *breakingReply) Write(p []byte) (int, error) {
	n, err := b.ResponseWriter.Write(p[:min(len(p), b.left)])
	b.left -= n
	if err != nil || n == len(p) {
		return n, err
	}
	err = http.NewResponseController(b.ResponseWriter).Flush()
	if b.stall {
		<-b.req.Context().Done()
	}
	return n, errors.Join(err, http.ErrAbortHandler)
}

func TestGetGoesOnWhereAnEarlierRunEnded(t *testing.T) {
	r := newRepository(t)
	const size, first = 2 << 20, 1_500_000
	data := randomData(size)
	img := r.add("a.iso", data)
	server := r.handler
	r.answerWith(breaking(first, true))

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan outcome, 1)
	go func() { ended <- r.imageWith(ctx, nil, "get", string(img.ID)) }()
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if info, err := os.Stat("a.iso.part"); err == nil && info.Size() == first {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the first part does not come")
		}
	}
	if o := r.image("get", "a.iso"); o.err == nil || !strings.Contains(o.err.Error(), "another process") {
		t.Errorf("a second run beside the first: %v", o.err)
	}
	cancel()
	if o := <-ended; o.code() != exitFailure || !strings.Contains(o.err.Error(), "go on") {
		t.Errorf("the cancelled run: %v", o.err)
	}
	wantOnly(t, "a.iso.part", "a.iso.part.version")

	r.handler = server
	r.forget()
	r.ok("get", string(img.ID))
	wantFile(t, "a.iso", data)
	wantOnly(t, "a.iso")
	r.wantSent(size - first)
}

func TestGetResumesBrokenBodiesInOneRun(t *testing.T) {
	r := newRepository(t)
	data := randomData(1 << 20)
	img := r.add("a.iso", data)
	r.forget()
	r.answerWith(breaking(200_000, false))
	r.ok("get", string(img.ID))
	wantFile(t, "a.iso", data)
	if out := r.ok("get", string(img.ID), "-"); out != data {
		t.Error("standard output got something else")
	}
	r.wantSent(2 * int64(len(data)))
}

func TestGetStartsAnewForAnotherVersion(t *testing.T) {
	r := newRepository(t)
	img := r.add("a.iso", "the new bytes")
	writeFile(t, "a.iso.part", "the old")
	writeFile(t, "a.iso.part.version", "md5-"+sumOf("the old bytes")+"-13")
	r.ok("get", "a.iso")
	wantFile(t, "a.iso", "the new bytes")
	wantOnly(t, "a.iso")

	// Nor is a partial file believed that says nothing, or is too long.
	writeFile(t, "b.part", "the")
	r.ok("get", "a.iso", "b")
	wantFile(t, "b", "the new bytes")
	writeFile(t, "c.part", "the new bytes and more")
	writeFile(t, "c.part.version", img.Version())
	r.ok("get", "a.iso", "c")
	wantFile(t, "c", "the new bytes")
}

func TestGetLeavesNothingOfWhatIsWrong(t *testing.T) {
	r := newRepository(t)
	img := r.add("a.iso", "the new bytes")

	// Bytes of an earlier run that are not what they should be.
	writeFile(t, "a.iso.part", "the bad")
	writeFile(t, "a.iso.part.version", img.Version())
	r.refuses(exitFailure, "MD5", "get", "a.iso")
	wantOnly(t)

	// A server whose bytes are not what it says.
	r.answerWith(func(next http.Handler) http.HandlerFunc {
		return func(w http.ResponseWriter, req *http.Request) { next.ServeHTTP(&upperCase{w}, req) }
	})
	r.refuses(exitFailure, "MD5", "get", string(img.ID))
	wantOnly(t)
	r.refuses(exitFailure, "MD5", "get", string(img.ID), "-")
}

type upperCase struct{ http.ResponseWriter }

func (u *upperCase) Write(p []byte) (int, error) {
	return u.ResponseWriter.Write([]byte(strings.ToUpper(string(p))))
}

func TestGetDoesNotFollowALinkInPlaceOfThePartialFile(t *testing.T) {
	r := newRepository(t)
	r.add("a.iso", "data")
	writeFile(t, "precious", "precious")
	if err := os.Symlink("precious", "a.iso.part"); err != nil {
		t.Fatal(err)
	}
	r.refuses(exitFailure, "a.iso.part", "get", "a.iso")
	wantFile(t, "precious", "precious")
}

func TestDefaultFileStaysInTheDirectory(t *testing.T) {
	const id = "5662192c-fe11-4f4a-9f55-e2bc69a186d5"
	long := strings.Repeat("é", 300)
	for name, want := range map[string]string{
		"debian.iso":              "debian.iso",
		"linux/debian.iso":        "debian.iso",
		"../../etc/passwd":        "passwd",
		"/etc/passwd":             "passwd",
		"..":                      id,
		".":                       id,
		"/":                       id,
		"":                        id,
		"a/..":                    id,
		".bashrc":                 "bashrc",
		"-rf":                     "rf",
		"-":                       id,
		`..\..\x`:                 "_.._x",
		"a\nb\x1b[31m\u202ec.iso": "a_b_[31m_c.iso",
		"a\xffb":                  "a_b",
		" a b ":                   "a b",
		long + ".iso":             strings.Repeat("é", 119) + ".iso",
	} {
		got := defaultFile(&meta.Image{ID: id, Name: name})
		if got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
		if len(got)+len(versionSuffix) > 255 {
			t.Errorf("%q is too long", got)
		}
	}
	if got := defaultFile(&meta.Image{ID: "../..", Name: ".."}); got != "image" {
		t.Errorf("a hostile id becomes %q", got)
	}
}
