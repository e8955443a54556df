//go:build linux

package integration

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// errnosOfBroken are what a read may say of a server that does not keep to its word.
var errnosOfBroken = []syscall.Errno{syscall.EIO, syscall.ESTALE, syscall.ETIMEDOUT, syscall.ENOENT, syscall.EBUSY, syscall.EINVAL}

// mostMemory is far above what a mount with 8 MiB for images takes when it is built with
// the race detector, and far below what the hostile servers send.
const mostMemory = 600 << 20

func (m *hostileMount) wantMemory(t *testing.T, after string) {
	t.Helper()
	if peak := peakMemory(t, m.cmd.Process.Pid); peak > mostMemory {
		t.Errorf("after %s: it took %d MiB", after, peak>>20)
	}
}

func readOneByte(path string, off int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = f.ReadAt(make([]byte, 1), off)
	return err
}

// raw answers with bytes as they are, and then with more for as long as somebody takes it,
// at most 2 GiB.
func raw(head, more string) http.HandlerFunc {
	block := []byte(strings.Repeat(more, 1<<16/max(1, len(more))))
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := rw.WriteString(head); err != nil {
			return
		}
		_ = rw.Flush()
		for sent := 0; more != "" && sent < 2<<30; sent += len(block) {
			if _, err := conn.Write(block); err != nil {
				return
			}
		}
	}
}

// bomb is 1 GiB of zeros as gzip has it: 64 times the same, which counts as one.
func bomb(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	w := gzip.NewWriter(&b)
	if _, err := w.Write(make([]byte, 16<<20)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return strings.Repeat(b.String(), 64)
}

func TestHostileDataAreAnErrorAndNothingElse(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	h := startHostile(t, s)
	var visits atomic.Int64
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		_, _ = io.WriteString(w, "elsewhere")
	}))
	defer elsewhere.Close()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, bytes.Repeat([]byte("secret!\n"), 125), 0o644); err != nil { // 1000 bytes
		t.Fatal(err)
	}

	const id = "00000000-0000-4000-8000-%012d"
	n := 0
	paths := map[string]string{} // of the files, by what is wrong
	add := func(what string, answer func(meta string) http.HandlerFunc) {
		n++
		id, name := fmt.Sprintf(id, n), fmt.Sprintf("evil%d.img", n)
		checksum := md5Hex(random(uint64(1000+n), 1000)) // of none of what comes
		meta := "x-image-meta-_id: " + id + "\r\nx-image-meta-name: " + name + "\r\nx-image-meta-size: 1000\r\nx-image-meta-status: available\r\n" +
			"x-image-meta-access: public\r\nx-image-meta-architecture: x86_64\r\nx-image-meta-checksum: " + checksum +
			"\r\nx-image-meta-uploaded_at: 2026-01-01 00:00:00 UTC\r\nx-image-meta-owner: " + accessKey + "\r\n"
		h.list(map[string]any{"_id": id, "name": name, "checksum": checksum}, answer(meta))
		paths[what] = name
	}
	head := func(what, text, more string) {
		add(what, func(meta string) http.HandlerFunc { return raw(strings.Replace(text, "META\r\n", meta, 1), more) })
	}
	thousand := strings.Repeat("x", 1000)
	head("negative length", "HTTP/1.1 200 OK\r\nMETA\r\nContent-Length: -1\r\n\r\n"+thousand, "")
	head("length of 2^63", "HTTP/1.1 200 OK\r\nMETA\r\nContent-Length: 9223372036854775808\r\n\r\n", "x")
	head("length of 2^62", "HTTP/1.1 200 OK\r\nMETA\r\nContent-Length: 4611686018427387904\r\n\r\n", "x")
	head("two lengths", "HTTP/1.1 200 OK\r\nMETA\r\nContent-Length: 1000\r\nContent-Length: 5\r\n\r\n"+thousand, "")
	head("endless header", "HTTP/1.1 200 OK\r\nMETA\r\nX: ", "x")
	head("endless headers", "HTTP/1.1 200 OK\r\nMETA\r\n", "X-Y: z\r\n")
	head("endless status line", "HTTP/1.1 200 ", "O")
	head("endless hints", "", "HTTP/1.1 103 Early Hints\r\n\r\n")
	head("chunks for ever", "HTTP/1.1 200 OK\r\nMETA\r\nTransfer-Encoding: chunked\r\n\r\n", "8\r\nAAAAAAAA\r\n")
	head("endless size of a chunk", "HTTP/1.1 200 OK\r\nMETA\r\nTransfer-Encoding: chunked\r\n\r\n", "0")
	head("endless extension of a chunk", "HTTP/1.1 200 OK\r\nMETA\r\nTransfer-Encoding: chunked\r\n\r\n5;", "x")
	head("endless trailer", "HTTP/1.1 200 OK\r\nMETA\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-Y: z\r\n")
	head("huge chunk", "HTTP/1.1 200 OK\r\nMETA\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\n", "x")
	head("body to the end", "HTTP/1.1 200 OK\r\nMETA\r\nConnection: close\r\n\r\n", "x")
	head("endless error", "HTTP/1.1 403 Forbidden\r\nMETA\r\nConnection: close\r\n\r\n", "x")
	head("other bytes", "HTTP/1.1 200 OK\r\nMETA\r\nContent-Length: 1000\r\n\r\n"+thousand, "")
	head("part of another place", "HTTP/1.1 206 Partial Content\r\nMETA\r\nContent-Length: 1000\r\nContent-Range: bytes 5-1004/1005\r\n\r\n"+thousand, "")
	head("part of 2^62", "HTTP/1.1 206 Partial Content\r\nMETA\r\nContent-Length: 1000\r\nContent-Range: bytes 0-999/4611686018427387904\r\n\r\n"+thousand, "")
	head("part that ends before it begins", "HTTP/1.1 206 Partial Content\r\nMETA\r\nContent-Length: 1000\r\nContent-Range: bytes 999-0/1000\r\n\r\n"+thousand, "")
	head("part without a place", "HTTP/1.1 206 Partial Content\r\nMETA\r\nContent-Length: 1000\r\n\r\n"+thousand, "")
	head("redirect to a file", "HTTP/1.1 302 Found\r\nMETA\r\nLocation: file://"+secret+"\r\nContent-Length: 0\r\n\r\n", "")
	head("redirect elsewhere", "HTTP/1.1 307 Temporary Redirect\r\nMETA\r\nLocation: "+elsewhere.URL+"/\r\nContent-Length: 0\r\n\r\n", "")
	head("no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00")
	head("switch of protocols", "HTTP/1.1 101 Switching Protocols\r\nMETA\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "x")
	squeezed := bomb(t)
	head("gzip", fmt.Sprintf("HTTP/1.1 200 OK\r\nMETA\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(squeezed), squeezed), "")
	head("gzip as transfer", "HTTP/1.1 200 OK\r\nMETA\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"+fmt.Sprintf("%x\r\n", len(squeezed))+squeezed+"\r\n0\r\n\r\n", "")

	m := mountHostile(t, s, h, "5s")
	var all sync.WaitGroup
	for what, name := range paths {
		all.Go(func() {
			path := m.path(name)
			if r := try(t, "cat", path); r.code == 0 {
				t.Errorf("%s: it is read as %d bytes", what, len(r.stdout))
			} else if strings.Contains(r.stdout, "secret") || strings.Contains(r.stdout, "elsewhere") {
				t.Errorf("%s: it leads elsewhere: %q", what, r.stdout)
			}
			_ = setxattr(path, "user.visor.note", "x")
			_ = os.WriteFile(path, []byte("data"), 0o644)
			if err := compare(m.path("good.img"), m.good); err != nil {
				t.Errorf("%s: after it a good image: %v", what, err)
			}
		})
	}
	all.Wait()
	m.wantUnharmed(t, "all")
	m.wantMemory(t, "all")
	if n := visits.Load(); n > 0 {
		t.Errorf("%d requests went to another host", n)
	}
}
