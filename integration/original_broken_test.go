//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// poison makes a record that the original server cannot show any more: its custom
// attributes are longer as JSON than their column, which cuts them. A PUT poisons an
// image that exists, a POST makes a new one.
func (s *server) poison(method, path, name string) {
	s.t.Helper()
	fields := map[string]string{"note": strings.Repeat("x", 300)}
	if method == "POST" {
		fields["name"], fields["architecture"] = name, "x86_64"
	}
	if status, _, body := s.do(request{method: method, path: path, fields: fields}); status != 503 {
		s.t.Fatalf("%s with 300 bytes: %d %s, want 503", method, status, body)
	}
	if status, _, _ := s.do(request{method: "GET", path: "/images/detail"}); status != 503 {
		s.t.Fatalf("the detailed list: %d, want 503: nothing is poisoned", status)
	}
}

func TestPoisonedRecordSpoilsNothingButItself(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"POST", "PUT"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, likeOriginal)
			m := startMount(t, s.url, "--metadata-ttl", "10ms")
			m.allowLog("level=(WARN|ERROR)")
			contents := map[string][]byte{"a.iso": random(360, 100_000), "b.iso": random(361, 210_000)}
			for name, data := range contents {
				s.postSettled(name, data, map[string]string{"flavour": "small", "store": "file"})
			}
			if method == "POST" {
				s.poison("POST", "/images", "broken.iso")
			} else {
				id := s.postSettled("broken.iso", random(362, 50_000), map[string]string{"store": "file"})
				s.poison("PUT", "/images/"+id, "")
			}
			for _, m := range []*mount{m, startMount(t, s.url)} { // also one that begins with it
				m.allowLog("level=(WARN|ERROR)")
				if got := names(t, m.dir); got != "a.iso b.iso broken.iso" {
					t.Errorf("ls: %q", got)
				}
				r := try(t, "ls", "-l", m.dir)
				if r.code != 0 || strings.Count(r.stdout, ".iso") != 3 {
					t.Errorf("ls -l: exit code %d: %s%s", r.code, r.stdout, r.stderr)
				}
				for name, data := range contents {
					wantContent(t, m.path(name), data)
					wantAttributes(t, m.path(name), map[string]string{"flavour": "small", "size": fmt.Sprint(len(data))})
				}
				wantFast(t, "the failure", wantFailure(t, "Input/output error", "cat", m.path("broken.iso")).took)
			}
			wantImageListWith(t, s, "a.iso", "b.iso", "broken.iso")
			tool(t, "cp", newFile(t, "c.iso", random(363, 9000)), m.dir)
			wantContent(t, m.path("c.iso"), random(363, 9000))

			tool(t, "rm", m.path("broken.iso"))
			if got := names(t, m.dir); got != "a.iso b.iso c.iso" {
				t.Errorf("ls after rm: %q", got)
			}
			for name, data := range contents {
				s.wantSettled(name, data)
				wantContent(t, m.path(name), data)
			}
			wantImageListWith(t, s, "a.iso", "b.iso", "c.iso")
		})
	}
}

func wantImageListWith(t *testing.T, s *server, names ...string) {
	t.Helper()
	for _, args := range [][]string{{"list"}, {"list", "--json"}} {
		r := s.tryImage(t, args...)
		if r.code != 0 {
			t.Errorf("image %v: exit code %d: %s", args, r.code, r.stderr)
		}
		wantFast(t, "image list", r.took)
		for _, name := range names {
			if !strings.Contains(r.stdout, name) {
				t.Errorf("image %v has no %s: %s", args, name, r.stdout)
			}
		}
	}
}

func TestPoisonedRecordIsDeletedByTheCommand(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"name", "query"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, likeOriginal)
			s.post("a.iso", nil, nil)
			s.poison("POST", "/images", "broken.iso")
			if r := s.tryImage(t, "show", "broken.iso"); r.code != 1 || r.stdout != "" {
				t.Errorf("show: exit code %d: %s%s", r.code, r.stdout, r.stderr)
			} else {
				wantFast(t, "show", r.took)
			}
			if by == "name" {
				s.image(t, "delete", "broken.iso")
			} else {
				s.image(t, "delete", "--query", "name=broken.iso", "--yes")
			}
			if n := len(s.images()); n != 1 {
				t.Errorf("%d images are on the server, want 1", n)
			}
			s.only("a.iso")
		})
	}
}

// The original may lose the end of an image, or more, when it is killed right after
// the upload. That is its way; but what it then sends must not pass for the image.
func TestWhatTheOriginalServerLostIsAnErrorNeverOtherBytes(t *testing.T) {
	t.Parallel()
	s, m := mountedOriginal(t)
	m.allowLog("level=(WARN|ERROR)")
	sizes := []int{5, 65_541, 16<<20 + 5}
	name := func(size int) string { return fmt.Sprintf("%d.img", size) }
	atOnce(t, sizes, func(size int) error { return os.WriteFile(m.path(name(size)), random(uint64(size), size), 0o644) })
	s.kill()
	s.restart()
	for _, size := range sizes {
		img := s.only(name(size))
		if kept, err := os.Stat(img.file()); err != nil || kept.Size() >= int64(size) || img.text("status") != "available" {
			t.Fatalf("%v; the server lost nothing: it has %d bytes of %d, status %s", err, kept.Size(), size, img.text("status"))
		}
	}
	fresh := startMount(t, s.url)
	fresh.allowLog(`level=ERROR msg="read: `)
	fresh.expectLog(`level=ERROR .*\b(bytes|short|block)\b`) // what is wrong, not just that it is
	target := t.TempDir()
	type reader struct {
		who  string
		size int
	}
	var readers []reader
	for _, size := range sizes {
		readers = append(readers, reader{"a new mount", size}, reader{"the mount that wrote it", size}, reader{"image get", size})
	}
	atOnce(t, readers, func(r reader) error {
		data := random(uint64(r.size), r.size)
		switch r.who {
		case "a new mount":
			got, err := readAll(fresh.path(name(r.size)))
			return checkLost(got, err, data)
		case "image get":
			get := s.tryImage(t, "get", "--quiet", name(r.size), target)
			if _, err := os.Stat(filepath.Join(target, name(r.size))); get.code != 1 || !os.IsNotExist(err) {
				return fmt.Errorf("exit code %d, file %v: %s", get.code, err, get.stderr)
			}
			return nil
		}
		got, err := readAll(m.path(name(r.size)))
		if err == nil && bytes.Equal(got, data) {
			return nil // it still knows them
		}
		return checkLost(got, err, data)
	})

	// What is broken can be replaced, and removed.
	atOnce(t, sizes, func(size int) error { return writeAndReadBack(fresh.path(name(size)), random(uint64(size), size)) })
	for _, size := range sizes {
		s.wantSettled(name(size), random(uint64(size), size))
		tool(t, "rm", fresh.path(name(size)))
	}
	s.wantEmpty()
	s.wantNoFiles()
}

// checkLost demands of a reading that it failed, after bytes that are right.
func checkLost(got []byte, err error, data []byte) error {
	if !errors.Is(err, syscall.EIO) || !bytes.HasPrefix(data, got) {
		return fmt.Errorf("%d bytes, error %v; want EIO", len(got), err)
	}
	return nil
}

// readAll reads a file, a long one past the kernel's pages: the kernel asks several
// times for a page that it does not get, and each time takes some seconds.
func readAll(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	flags := os.O_RDONLY
	if info.Size() > 1<<20 {
		flags |= unix.O_DIRECT
	}
	f, err := os.OpenFile(path, flags, 0)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}
