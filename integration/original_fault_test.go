//go:build linux

package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFailedUploadLeavesNothingOnTheOriginalServer(t *testing.T) {
	t.Parallel()
	s, p, m := countedOriginal(t, "--timeout", patience.String())
	m.expectLog(`level=(WARN|ERROR) .*path=/a.img`)
	source := newFile(t, "a.img", random(380, 4<<20))
	for name, f := range map[string]fault{
		"cut": {cutUp: 2 << 20}, "cut before the end": {cutUp: 4<<20 - 1}, "dropped": {drop: true}, "refused": {status: http.StatusInternalServerError},
	} {
		p.setFault(uploads(f))
		wantFailure(t, "Input/output error", "cp", source, m.dir)
		if got := names(t, m.dir); got != "" {
			t.Errorf("%s: ls shows %q after the failure", name, got)
		}
		if left := s.images(); len(left) > 0 {
			t.Errorf("%s: on the server is %v", name, left)
		}
	}
	p.setFault(nil)
	s.wantNoFiles()
	tool(t, "cp", source, m.dir)
	wantContent(t, m.path("a.img"), random(380, 4<<20))
	old := s.wantSettled("a.img", random(380, 4<<20))

	p.setFault(uploads(fault{cutUp: 1 << 20})) // over a file: the old one stays
	wantFailure(t, "Input/output error", "cp", newFile(t, "a.img", random(381, 4<<20)), m.dir)
	wantContent(t, m.path("a.img"), random(380, 4<<20))
	if img := s.wantSettled("a.img", random(380, 4<<20)); img.text("_id") != old.text("_id") {
		t.Error("the old image was replaced")
	}
}

func TestKilledWriterStoresNothingOnTheOriginalServer(t *testing.T) {
	t.Parallel()
	s, m := mountedOriginal(t)
	cmd := beginWriting(t, m.path("a.img"), "tee", m.path("a.img"))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "ls shows nothing", func() bool { return names(t, m.dir) == "" })
	s.wantEmpty()
	s.wantNoFiles()
}

// The original registers an image before it finds that it cannot store its data, and
// leaves the record there, in status error.
func TestAddThatTheServerCannotStoreLeavesNothingOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		file := newFile(t, "a.iso", random(382, 20_000))
		for _, store := range []string{"lcs", "s3"} {
			r := s.tryImage(t, "add", "--quiet", file, "store="+store)
			if r.code != 1 || r.stdout != "" {
				t.Errorf("add to %s: exit code %d: %s%s", store, r.code, r.stdout, r.stderr)
			}
			for _, left := range s.images() {
				if left.text("store") == store {
					t.Errorf("add to %s left an image with status %s", store, left.text("status"))
				}
			}
		}
	})
}

func TestModeAndNewNameReachBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		s.post("a.iso", nil, map[string]string{"note": "x"})
		tool(t, "chmod", "o-r", m.path("a.iso"))
		tool(t, "setfattr", "-n", "user.visor.name", "-v", "sub/b.iso", m.path("a.iso"))
		if img := s.only("sub/b.iso"); img.text("access") != "private" || img.text("note") != "x" {
			t.Errorf("on the server: %v", img)
		}
		if got := tool(t, "stat", "-c", "%a", m.path("sub/b.iso")); got != "600\n" {
			t.Errorf("mode %s, want 600", got)
		}
		if got := names(t, m.dir); got != "sub" {
			t.Errorf("ls: %q", got)
		}
	})
}

// The kernel tells of the last close only after close() has returned: a file that is
// removed at once may, for the mount, be open for writing still, or just not any more.
func TestFileRemovedRightAfterItsCloseIsGoneFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		data := random(383, 10_000)
		atOnce(t, []int{0, 1, 2, 3, 4, 5, 6, 7}, func(worker int) error {
			path := m.path(numbered(worker))
			for round := range 20 {
				if err := os.WriteFile(path, data, 0o644); err != nil {
					return err
				}
				if err := os.Remove(path); err != nil {
					return err
				}
				if _, err := os.Stat(path); !os.IsNotExist(err) {
					return fmt.Errorf("round %d: rm succeeded, and the file is there still (%v)", round, err)
				}
			}
			return nil
		})
		if left := s.images(); len(left) > 0 {
			t.Errorf("%d images are on the server", len(left))
		}
	})
}

func TestManyProgramsAtOnceGetWhatTheyWroteToTheOriginalServer(t *testing.T) {
	t.Parallel()
	s, m := mountedOriginal(t, "--memory", "2MiB", "--metadata-ttl", "100ms")
	seed := uint64(time.Now().UnixNano())
	workers := make([]*worker, 6)
	var all sync.WaitGroup
	for i := range workers {
		w := &worker{rng: rand.New(rand.NewPCG(seed, uint64(i))), path: m.path(numbered(i))}
		workers[i] = w
		all.Go(func() {
			for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
				if err := w.step(); err != nil {
					t.Errorf("seed %d: %s: %v", seed, w.path, err)
					return
				}
			}
		})
	}
	all.Wait()
	var left []string
	for i, w := range workers {
		if w.data == nil {
			continue
		}
		left = append(left, numbered(i))
		s.wantSettled(numbered(i), w.data)
		buf := make([]byte, 100)
		if n, err := unix.Getxattr(w.path, "user.visor.note", buf); w.note != "" && (err != nil || string(buf[:n]) != w.note) {
			t.Errorf("seed %d: note of %s is %q (%v), want %q", seed, w.path, buf[:max(n, 0)], err, w.note)
		}
	}
	if n := len(s.images()); n != len(left) {
		t.Errorf("seed %d: %d images are on the server, want %d", seed, n, len(left))
	}
	if files, err := os.ReadDir(s.data + "/store"); err != nil || len(files) != len(left) {
		t.Errorf("seed %d: %d files in the store, %v; want %d", seed, len(files), err, len(left))
	}
	if got := names(t, m.dir); got != strings.Join(left, " ") {
		t.Errorf("ls: %q, want %q", got, fmt.Sprint(left))
	}
}
