//go:build linux

package integration

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestBodyThatBreaksIsResumed(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"with ranges": nil, "without ranges": {"--no-range"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, args...)
			p := startProxy(t, s)
			m := startMount(t, p.url, "--streams", "1") // the server may look far today
			data := random(10, 12<<20)
			s.post("a.img", data, nil)
			var cuts atomic.Int32
			p.setFault(func(r *http.Request) fault {
				if isData(seen{method: r.Method, path: r.URL.Path}) && cuts.Add(1) <= 2 {
					return fault{cutDown: 3<<20 + 12345}
				}
				return fault{}
			})
			wantContent(t, m.path("a.img"), data)
			p.wantRequests(t, "data", isData, 3)
		})
	}
}

func TestServerThatRefusesForAMomentIsAskedAgain(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	data := random(11, 3<<20)
	s.post("a.img", data, nil)
	var refusals atomic.Int32
	p.setFault(func(*http.Request) fault {
		if refusals.Add(1)%2 == 1 {
			return fault{status: http.StatusBadGateway}
		}
		return fault{}
	})
	wantContent(t, m.path("a.img"), data)
	tool(t, "rm", m.path("a.img"))
	s.wantEmpty()
}

// readOn reads a file that changed on the server, chunk after chunk from its end, and
// returns how many of them failed with ESTALE. All others must be of the old bytes.
func readOn(t *testing.T, f *os.File, old []byte) (stale int) {
	t.Helper()
	buf := make([]byte, 128<<10)
	for off := len(old) - len(buf); off >= 0; off -= len(buf) {
		n, err := f.ReadAt(buf, int64(off))
		switch {
		case errors.Is(err, syscall.ESTALE):
			stale++
		case err != nil:
			t.Fatalf("read at %d: %v, want ESTALE or the bytes that were opened", off, err)
		case !bytes.Equal(buf[:n], old[off:off+n]):
			t.Fatalf("read at %d: %d bytes that are not those of the version that was opened", off, n)
		}
	}
	return stale
}

func TestImageReplacedWhileOpenIsNeverMixed(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--memory", "1MiB", "--metadata-ttl", "1s")
	m.allowLog("the image was replaced or deleted on the server")
	old, fresh := random(12, 16<<20), random(13, 16<<20)
	id := s.post("a.img", old, nil)
	f := open(t, m.path("a.img"), unix.O_DIRECT)
	if _, err := f.ReadAt(make([]byte, 4096), 0); err != nil {
		t.Fatal(err)
	}
	s.delete(id)
	s.post("a.img", fresh, nil)
	if readOn(t, f, old) == 0 {
		t.Error("bytes that were not cached came although the image is gone, want ESTALE")
	}
	eventually(t, "the new image shows", func() bool {
		got, err := os.ReadFile(m.path("a.img"))
		return err == nil && bytes.Equal(got, fresh)
	})
}

func TestImageDeletedWhileOpenIsStale(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--memory", "1MiB")
	m.expectLog("level=ERROR .*the image was replaced or deleted on the server.*status=404")
	data := random(14, 16<<20)
	id := s.post("a.img", data, nil)
	f := open(t, m.path("a.img"), unix.O_DIRECT)
	s.delete(id)
	if stale := readOn(t, f, data); stale != len(data)/(128<<10) {
		t.Errorf("%d of %d reads failed with ESTALE, want all", stale, len(data)/(128<<10))
	}
}

// What is done through the mount is seen by all who have the file open, as on a disk.
func TestImageReplacedThroughTheMountWhileOpenIsTheNewOne(t *testing.T) {
	t.Parallel()
	_, m := mounted(t, "--memory", "1MiB")
	old, fresh := random(15, 8<<20), random(16, 8<<20)
	tool(t, "cp", newFile(t, "a.img", old), m.path("a.img"))
	f := open(t, m.path("a.img"), unix.O_DIRECT)
	tool(t, "cp", newFile(t, "a.img", fresh), m.path("a.img"))
	if stale := readOn(t, f, fresh); stale > 0 {
		t.Errorf("%d reads failed with ESTALE", stale)
	}
	wantContent(t, m.path("a.img"), fresh)
	tool(t, "cmp", newFile(t, "a.img", fresh), m.path("a.img"))
}

func TestFileMissingOnTheServersDiskIsAnErrorNotEmpty(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--timeout", "3s")
	m.expectLog("level=ERROR")
	s.allowLog("level=(WARN|ERROR)")
	id := s.post("a.img", random(17, 1<<20), nil)
	if err := os.Remove(filepath.Join(s.data, "images", id)); err != nil {
		t.Fatal(err)
	}
	if r := try(t, "cat", m.path("a.img")); r.code == 0 {
		t.Errorf("cat succeeded with %d bytes, want an error", len(r.stdout))
	}
}
