//go:build linux

package integration

import (
	"fmt"
	"net/http"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestReaderGoesOnWhenItsFileIsRenamed(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--memory", "1MiB")
	data := random(540, 4<<20)
	s.post("d/a.img", data, nil)
	f := open(t, m.path("d/a.img"), unix.O_DIRECT)
	buf := make([]byte, 1<<20)
	for off := 0; off < len(data); off += len(buf) {
		switch off {
		case 1 << 20:
			tool(t, "mv", m.path("d/a.img"), m.path("d/b.img"))
		case 2 << 20:
			tool(t, "mv", m.path("d"), m.path("e"))
		}
		if n, err := f.ReadAt(buf, int64(off)); err != nil || string(buf[:n]) != string(data[off:off+n]) {
			t.Fatalf("read at %d: %d bytes, %v", off, n, err)
		}
	}
	if info, err := f.Stat(); err != nil || info.Size() != int64(len(data)) {
		t.Errorf("fstat: %v, %v", info, err)
	}
}

func TestFileIsRenamedWhileItIsWritten(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		data := random(541, 600_000)
		for _, when := range []int{0, 300_000} { // before the upload begins, and in it
			f, err := os.Create(m.path("part.tmp"))
			if err != nil {
				t.Fatal(err)
			}
			p.reset()
			if _, err := f.Write(data[:when]); err != nil {
				t.Fatal(err)
			}
			to := fmt.Sprintf("d/%d.iso", when)
			if err := os.MkdirAll(m.path("d"), 0o755); err != nil {
				t.Fatal(err)
			}
			tool(t, "mv", m.path("part.tmp"), m.path(to))
			if got := names(t, m.dir); got != "d" {
				t.Errorf("ls while it is written: %q", got)
			}
			if _, err := f.Write(data[when:]); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			p.wantRequests(t, "POST", is("POST"), 1)
			if img := s.wantSettled(to, data); img.text("format") != "iso" {
				t.Errorf("format %q", img.text("format"))
			}
			wantContent(t, m.path(to), data)
			if got := names(t, m.dir); got != "d" {
				t.Errorf("ls: %q", got)
			}
		}
	})
}

func TestFileThatIsOpenedForWritingWhileItIsRenamedGoesWithItsName(t *testing.T) {
	t.Parallel()
	for from, rename := range map[string]struct{ from, to, now string }{
		"a.img":   {"a.img", "b.img", "b.img"},
		"d/a.img": {"d", "e", "e/a.img"},
	} {
		s, p, m := counted(t)
		s.post(from, random(544, 1000), nil)
		wantContent(t, m.path(from), random(544, 1000))
		var f *os.File
		p.setFault(func(r *http.Request) fault {
			if r.Method == "PUT" && f == nil {
				var err error
				if f, err = os.OpenFile(m.path(from), os.O_WRONLY, 0); err != nil {
					t.Error(err)
				}
			}
			return fault{}
		})
		if err := os.Rename(m.path(rename.from), m.path(rename.to)); err != nil {
			t.Fatal(err)
		}
		p.setFault(nil)
		if got := names(t, m.dir); got != rename.to {
			t.Errorf("ls: %q, want %q", got, rename.to)
		}
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("new")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s.wantStored(rename.now, []byte("new"))
		if got := names(t, m.dir); got != rename.to || len(s.images()) != 1 {
			t.Errorf("ls: %q, and the server has %v", got, s.images())
		}
	}
}

func TestFileThatIsStillOpenReplacesAnotherOnlyWhenItIsStored(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	m.expectLog(`msg="rename to /b.img: `)
	old, data := random(542, 30_000), random(543, 40_000)
	s.post("b.img", old, nil)
	names(t, m.dir)
	for _, fails := range []bool{true, false} {
		f, err := os.Create(m.path("a.tmp"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(data); err != nil {
			t.Fatal(err)
		}
		if fails {
			p.setFault(failing("PUT", fault{status: 403}))
		}
		err = os.Rename(m.path("a.tmp"), m.path("b.img"))
		p.setFault(nil)
		if fails {
			wantErrno(t, "rename", err, syscall.EACCES)
			s.wantStored("b.img", old)
			_ = f.Close()
			tool(t, "rm", m.path("a.tmp"))
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		s.wantStored("b.img", data)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s.wantStored("b.img", data)
	wantContent(t, m.path("b.img"), data)
	if got := names(t, m.dir); got != "b.img" {
		t.Errorf("ls: %q", got)
	}
}
