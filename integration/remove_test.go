//go:build linux

package integration

import (
	"bytes"
	"errors"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestRemovingAFileIsOneRequest(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	s.post("a.iso", random(80, 1000), nil)
	s.post("b.iso", random(81, 1000), nil)
	names(t, m.dir)
	p.reset()
	tool(t, "rm", m.path("a.iso"))
	if got := names(t, m.dir); got != "b.iso" {
		t.Errorf("ls after rm: %q", got)
	}
	p.wantRequests(t, "any", isAny, 1)
	p.wantRequests(t, "DELETE", is("DELETE"), 1)
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server, want 1", n)
	}
	files, err := os.ReadDir(s.data + "/images")
	if err != nil || len(files) != 1 {
		t.Errorf("%d files in the server's directory (%v), want 1", len(files), err)
	}
}

func TestRemovingWhatIsGoneAlreadySucceeds(t *testing.T) {
	t.Parallel()
	s, _, m := counted(t)
	id := s.post("a.iso", random(82, 1000), nil)
	names(t, m.dir)
	s.delete(id)
	tool(t, "rm", m.path("a.iso"))
	if got := names(t, m.dir); got != "" {
		t.Errorf("ls after rm: %q", got)
	}
}

func TestRemovingManyFiles(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	for i := range 20 {
		s.post("x/"+string(rune('a'+i)), nil, nil)
	}
	tool(t, "sh", "-ec", `rm "$1"/x/*`, "sh", m.dir)
	s.wantEmpty()
	if got := names(t, m.dir); got != "" {
		t.Errorf("ls shows %q: a directory is gone with its last image", got)
	}
}

func TestFileRemovedWhileOpenIsReadRightOrNotAtAll(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--memory", "1MiB")
	m.allowLog("the image was replaced or deleted on the server")
	data := random(83, 8<<20)
	s.post("a.img", data, nil)
	f := open(t, m.path("a.img"), unix.O_DIRECT)
	buf := make([]byte, 1<<20)
	for off := 0; off < len(data); off += len(buf) {
		if off == 2<<20 {
			tool(t, "rm", m.path("a.img"))
		}
		n, err := f.ReadAt(buf, int64(off))
		if err == nil && !bytes.Equal(buf[:n], data[off:off+n]) {
			t.Fatalf("read at %d: other bytes", off)
		}
		if err != nil && !errors.Is(err, syscall.ESTALE) {
			t.Fatalf("read at %d: %v, want ESTALE or the bytes", off, err)
		}
	}
	s.wantEmpty()
}

func TestRemoveThatTheServerRefusesLeavesTheFile(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	m.expectLog(`level=WARN msg="unlink: .*path=/a.iso.*status=403`)
	s.post("a.iso", random(84, 1000), nil)
	names(t, m.dir)
	p.setFault(always(fault{status: 403}))
	wantFailure(t, "Permission denied", "rm", m.path("a.iso"))
	p.setFault(nil)
	wantContent(t, m.path("a.iso"), random(84, 1000))
}
