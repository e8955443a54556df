//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// After an image's data the original closes the connection without a word. An upload
// that is sent on such a connection is lost.
func TestUploadAfterAReadNeverFailsOnTheOriginalServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, likeOriginal, "--debug")
	m := startMount(t, s.url, "--memory", "1MiB", "--metadata-ttl", "1h")
	const sources, rounds = 4, 200
	data := random(320, 768<<10)
	for i := range sources { // together too much for the memory: each read is a request
		data[0] = byte(i)
		s.postSettled(fmt.Sprintf("source-%d", i), data, nil)
	}
	wantFiles := []string{}
	failures := 0
	for i := range rounds {
		data[0] = byte(i % sources)
		if got, err := readDirect(m.path(fmt.Sprintf("source-%d", i%sources)), len(data)); err != nil || !bytes.Equal(got, data) {
			failures++
			t.Errorf("round %d: read: %d bytes, %v", i, len(got), err)
		}
		if err := os.WriteFile(m.path(numbered(i)), random(uint64(i), 10_000), 0o644); err != nil {
			failures++
			t.Errorf("round %d: upload: %v", i, err)
		}
		wantFiles = append(wantFiles, numbered(i))
		if failures > 5 {
			t.Fatal("and so on")
		}
	}
	if reads := strings.Count(s.stderr.String(), "method=GET path=/images/") - strings.Count(s.stderr.String(), "path=/images/detail"); reads < rounds {
		t.Errorf("only %d requests for data: most reads did not reach the server", reads)
	}
	if got := names(t, m.dir); !strings.HasPrefix(got, strings.Join(wantFiles, " ")+" source-0") {
		t.Errorf("ls: %s", got)
	}
	if n := len(s.images()); n != rounds+sources {
		t.Errorf("%d images are on the server, want %d", n, rounds+sources)
	}
	for _, i := range []int{0, 77, rounds - 1} {
		s.wantSettled(numbered(i), random(uint64(i), 10_000))
	}
}

// readDirect reads a file past the kernel's page cache.
func readDirect(path string, size int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, size)
	n := 0
	for n < size {
		more, err := f.ReadAt(buf[n:], int64(n))
		if n += more; err != nil {
			return buf[:n], err
		}
	}
	return buf, nil
}

func TestGetAndAddInTurnNeverFailOnTheOriginalServer(t *testing.T) {
	t.Parallel()
	s := startServer(t, likeOriginal)
	dir := t.TempDir()
	data := random(330, 300_000)
	id := s.postSettled("a.img", data, nil)
	for i := range 10 {
		got := filepath.Join(dir, numbered(i))
		s.image(t, "get", "--quiet", id, got)
		wantContent(t, got, data)
		id = strings.TrimSpace(s.image(t, "add", "--quiet", got))
	}
	if n := len(s.images()); n != 11 {
		t.Errorf("%d images are on the server, want 11", n)
	}
}

func TestEightReadersAtRandomShareOnePassOfTheOriginalServer(t *testing.T) {
	t.Parallel()
	s, p, m := countedOriginal(t, "--memory", "128MiB")
	data := random(331, 16<<20+9999)
	s.postSettled("a.img", data, nil)
	wantRandomReadsByMany(t, m.path("a.img"), data)
	if got := p.list(isData); len(got) > 2 {
		t.Errorf("%d requests for data, want at most 2: %v", len(got), got)
	}
}

func TestReadingBackWhatWasWrittenNeedsNoRequestForData(t *testing.T) {
	t.Parallel()
	_, p, m := countedOriginal(t)
	atOnce(t, lateSizes, func(size int) error {
		return writeAndReadBack(m.path(fmt.Sprintf("%d.img", size)), random(uint64(size), size))
	})
	p.wantRequests(t, "data", isData, 0)
}

func TestWritingTheLastByteOf2GiBIsRefusedByTheOriginalServersMount(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"dd": nil, "dd without truncate": {"conv=notrunc"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, m := countedOriginal(t)
			m.allowLog("level=WARN")
			args := append([]string{"if=/dev/zero", "of=" + m.path("f"), "bs=1", "count=1", "seek=2147483647"}, args...)
			r := wantFailure(t, "File too large", "dd", args...)
			wantFast(t, "dd", r.took)
			p.wantRequests(t, "data", isData, 0)
			for _, img := range s.images() {
				if img.text("status") == "available" {
					t.Errorf("it is stored: %v", img)
				}
			}
			tool(t, "cp", newFile(t, "g", random(332, 10_000)), m.path("g"))
			wantContent(t, m.path("g"), random(332, 10_000))
		})
	}
}
