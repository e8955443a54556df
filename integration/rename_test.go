//go:build linux

package integration

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// through mounts a server through a proxy, with a listing that stays fresh.
func through(t *testing.T, s *server, args ...string) (*proxy, *mount) {
	t.Helper()
	p := startProxy(t, s)
	return p, startMount(t, p.url, append([]string{"--metadata-ttl", "1h"}, args...)...)
}

// failing is a fault of all requests with a method.
func failing(method string, f fault) func(*http.Request) fault {
	return func(r *http.Request) fault {
		if r.Method != method {
			return fault{}
		}
		return f
	}
}

// nth is a fault of the n-th request with a method alone (0 is the first).
func nth(method string, n int32, f fault) func(*http.Request) fault {
	var before atomic.Int32
	return func(r *http.Request) fault {
		if r.Method != method || before.Add(1) != n+1 {
			return fault{}
		}
		return f
	}
}

func TestRenamingAFileIsOneRequest(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		data := random(530, 20_000)
		id := s.postSettled("a.img", data, map[string]string{"note": "x"})
		s.post("dir/other", nil, nil)
		names(t, m.dir)
		from := "a.img"
		for _, to := range []string{"b.img", "dir/b.img", "dir/c.img", "c~1.img"} {
			p.reset()
			tool(t, "mv", m.path(from), m.path(to))
			p.wantRequests(t, "any", isAny, 1)
			p.wantRequests(t, "PUT", is("PUT"), 1)
			wantErrno(t, "stat of the old name", unix.Access(m.path(from), unix.F_OK), syscall.ENOENT)
			wantContent(t, m.path(to), data)
			if img := s.only(to); img.text("_id") != id || img.text("note") != "x" {
				t.Errorf("%s is %v, want %s with its note", to, img, id)
			}
			from = to
		}
		p.reset()
		if err := os.Rename(m.path(from), m.path(from)); err != nil {
			t.Error(err)
		}
		p.wantRequests(t, "any", isAny, 0)
	})
}

func TestRenamingMovesFilesInAndOut(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := random(531, 50_000)
	source := newFile(t, "in.iso", data)
	tool(t, "mv", source, m.path("in.iso"))
	s.wantStored("in.iso", data)
	tool(t, "mv", m.path("in.iso"), source)
	wantContent(t, source, data)
	s.wantEmpty()
}

func TestRenamingOverAFileReplacesIt(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		data := random(532, 20_000)
		id := s.postSettled("a.img", data, nil)
		s.postSettled("b.img", random(533, 30_000), nil)
		wantContent(t, m.path("b.img"), random(533, 30_000))
		p.reset()
		tool(t, "mv", m.path("a.img"), m.path("b.img"))
		p.wantRequests(t, "any", isAny, 2)
		p.wantRequests(t, "PUT", is("PUT"), 1)
		p.wantRequests(t, "DELETE", is("DELETE"), 1)
		if got := names(t, m.dir); got != "b.img" {
			t.Errorf("ls: %q", got)
		}
		wantContent(t, m.path("b.img"), data)
		if img := s.only("b.img"); img.text("_id") != id || len(s.images()) != 1 {
			t.Errorf("the server has %v", s.images())
		}
	})
}

func TestRenamingOverAFileThatTheServerKeepsChangesNothing(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s, "--timeout", "2s")
		m.expectLog(`msg="rename to /b.img: .*path=/a.img`)
		a := s.postSettled("a.img", random(534, 20_000), nil)
		b := s.postSettled("b.img", random(535, 30_000), nil)
		names(t, m.dir)
		for name, f := range map[string]func(*http.Request) fault{
			"no PUT":           failing("PUT", fault{status: 403}),
			"no DELETE":        failing("DELETE", fault{status: 403}),
			"DELETE that hurt": failing("DELETE", fault{status: 500}),
		} {
			p.setFault(f)
			if os.Rename(m.path("a.img"), m.path("b.img")) == nil {
				t.Errorf("%s: rename succeeded", name)
			}
			p.setFault(nil)
			if got := names(t, m.dir); got != "a.img b.img" {
				t.Errorf("%s: ls: %q", name, got)
			}
			wantContent(t, m.path("a.img"), random(534, 20_000))
			wantContent(t, m.path("b.img"), random(535, 30_000))
			if s.only("a.img").text("_id") != a || s.only("b.img").text("_id") != b {
				t.Errorf("%s: the server has %v", name, s.images())
			}
		}
	})
}

// A reply that is lost does not tell whether the image has its new name.
func TestRenamingThatMayHaveHappenedIsUndone(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t, "--timeout", "2s")
	m.expectLog(`msg="rename to /b.img: .*path=/a.img`)
	id := s.post("a.img", []byte("a"), nil)
	s.post("b.img", []byte("b"), nil)
	names(t, m.dir)
	p.setFault(func(r *http.Request) fault {
		if r.Header.Get("x-image-meta-name") != "b.img" {
			return fault{}
		}
		s.do(request{method: "PUT", path: "/images/" + id, fields: map[string]string{"name": "b.img"}})
		return fault{status: 500}
	})
	wantErrno(t, "rename", os.Rename(m.path("a.img"), m.path("b.img")), syscall.EIO, syscall.ETIMEDOUT)
	p.setFault(nil)
	s.wantStored("a.img", []byte("a"))
	s.wantStored("b.img", []byte("b"))
	wantContent(t, m.path("a.img"), []byte("a"))
	wantContent(t, m.path("b.img"), []byte("b"))
}

func TestRenamingGuessesAnewWhatTheOldNameTold(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	rows := []struct{ from, format, arch, to, want string }{
		{".foo.iso.a1B2c3", "", "x86_64", "foo-i386.iso", "iso i386"},
		{"a.img", "", "i386", "a-amd64.vdi", "vdi i386"},
		{"b.vdi", "vdi", "x86_64", "b.vmdk", "vmdk x86_64"},
		{"c.vdi", "iso", "x86_64", "c.vmdk", "iso x86_64"},
		{"d-i386.iso", "iso", "i386", "d", "iso i386"},
	}
	for _, row := range rows {
		extra := map[string]string{"architecture": row.arch}
		if row.format != "" {
			extra["format"] = row.format
		}
		s.post(row.from, []byte("x"), extra)
	}
	for _, row := range rows {
		tool(t, "mv", m.path(row.from), m.path(row.to))
		img := s.only(row.to)
		if got := img.text("format") + " " + img.text("architecture"); got != row.want {
			t.Errorf("%s -> %s: %s, want %s", row.from, row.to, got, row.want)
		}
	}
}

func TestRenamingHeedsItsFlags(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	a, b := s.post("a.img", []byte("a"), nil), s.post("b.img", []byte("b"), nil)
	s.post("d/x", nil, nil)
	names(t, m.dir)
	p.reset()
	rename := func(from, to string, flags uint) error {
		return unix.Renameat2(unix.AT_FDCWD, m.path(from), unix.AT_FDCWD, m.path(to), flags)
	}
	wantErrno(t, "RENAME_NOREPLACE", rename("a.img", "b.img", unix.RENAME_NOREPLACE), syscall.EEXIST)
	wantErrno(t, "RENAME_WHITEOUT", rename("a.img", "c.img", unix.RENAME_WHITEOUT), syscall.EINVAL)
	wantErrno(t, "RENAME_EXCHANGE with a directory", rename("a.img", "d", unix.RENAME_EXCHANGE), syscall.EINVAL)
	wantErrno(t, "onto a directory", rename("a.img", "d", 0), syscall.EISDIR, syscall.EEXIST)
	wantErrno(t, "a directory onto a file", rename("d", "a.img", 0), syscall.ENOTDIR)
	wantErrno(t, "a directory into itself", rename("d", "d/y", 0), syscall.EINVAL)
	p.wantRequests(t, "any", isAny, 0)
	if err := rename("a.img", "b.img", unix.RENAME_EXCHANGE); err != nil {
		t.Fatal(err)
	}
	p.wantRequests(t, "PUT", is("PUT"), 2)
	wantContent(t, m.path("a.img"), []byte("b"))
	wantContent(t, m.path("b.img"), []byte("a"))
	if s.only("a.img").text("_id") != b || s.only("b.img").text("_id") != a {
		t.Errorf("the server has %v", s.images())
	}
	if err := rename("a.img", "c.img", unix.RENAME_NOREPLACE); err != nil {
		t.Error(err)
	}
}

func TestNewNamesThatTheServerCannotHoldAreRefusedBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	s, p, m := countedOriginal(t)
	m.expectLog(`level=WARN msg="rename to `)
	long := strings.Repeat("n", 41) + ".iso" // the longest that there is
	s.post(long, nil, nil)
	s.post("dir/"+strings.Repeat("n", 41), nil, nil)
	names(t, m.dir)
	p.reset()
	wantErrno(t, "46 characters", os.Rename(m.path(long), m.path("n"+long)), syscall.ENAMETOOLONG)
	wantErrno(t, "a directory", os.Rename(m.path("dir"), m.path("dirs")), syscall.ENAMETOOLONG)
	wantErrno(t, "reserved", os.Rename(m.path(long), m.path(".by-id")), syscall.EINVAL)
	p.wantRequests(t, "any", isAny, 0)
	tool(t, "mv", m.path(long), m.path("short"))
	tool(t, "mv", m.path("dir"), m.path("d"))
}

func TestImagesUnderAPathOfTheirOwnCanBeRenamed(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	for _, name := range []string{"twin.iso", "twin.iso", "a//b", "..", "trailing/"} {
		s.post(name, []byte(name), nil)
	}
	for i, shown := range strings.Fields(names(t, m.dir)) {
		if shown == "twin.iso" {
			continue
		}
		to := fmt.Sprintf("new-%d", i)
		tool(t, "mv", m.path(shown), m.path(to))
		s.only(to)
		wantContent(t, m.path(to), []byte(s.content(to)))
	}
	if n := len(s.images()); n != 5 {
		t.Errorf("%d images, want 5", n)
	}
}

// content returns the data of the one image of a name.
func (s *server) content(name string) string {
	s.t.Helper()
	_, _, body := s.do(request{method: "GET", path: "/images/" + s.only(name).text("_id")})
	return string(body)
}

func TestOneOfSeveralFilesOfANameIsNotReplacedByTheWrongOne(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.expectLog("several images have this name")
	first := s.post("b.iso", []byte("1"), nil)
	second := s.postYounger(first, "b.iso", []byte("2"))
	s.postYounger(second, "a.iso", []byte("a"))
	wantErrno(t, "rename", os.Rename(m.path("a.iso"), m.path("b.iso")), syscall.EEXIST)
	wantContent(t, m.path("b.iso"), []byte("1"))
	tool(t, "mv", m.path("b~"+second[:8]+".iso"), m.path("b.iso")) // it is the next
	wantContent(t, m.path("b.iso"), []byte("2"))
	if s.only("b.iso").text("_id") != second {
		t.Error("the server has another")
	}
}

// postYounger registers an image that comes after another in the order of age: by its
// time of creation, which is in seconds, and then by its id.
func (s *server) postYounger(than, name string, data []byte) string {
	s.t.Helper()
	for {
		id := s.post(name, data, nil)
		if id > than {
			return id
		}
		s.delete(id)
	}
}

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

func TestRenamingADirectoryRenamesEachImageBelowIt(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		const images = 12
		for i := range images {
			s.post(fmt.Sprintf("d/%d/x", i), nil, nil)
		}
		names(t, m.dir)
		tool(t, "mkdir", "-p", m.path("d/empty/deep"), m.path("e"), m.path("full/sub"))
		f, err := os.Create(m.path("d/open.iso"))
		if err != nil {
			t.Fatal(err)
		}
		wantErrno(t, "onto one that is not empty", os.Rename(m.path("d"), m.path("full")), syscall.ENOTEMPTY, syscall.EEXIST)
		p.reset()
		tool(t, "mv", "-T", m.path("d"), m.path("e"))
		p.wantRequests(t, "PUT", is("PUT"), images)
		p.wantRequests(t, "any", isAny, images)
		if got := names(t, m.dir); got != "e full" {
			t.Errorf("ls: %q", got)
		}
		if _, err := f.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		s.wantSettled("e/open.iso", []byte("x"))
		for i := range images {
			s.only(fmt.Sprintf("e/%d/x", i))
		}
		if got := names(t, m.path("e/empty")); got != "deep" {
			t.Errorf("ls of an empty directory that moved along: %q", got)
		}
		tool(t, "mkdir", m.path("d")) // is another one
		tool(t, "cp", newFile(t, "y", []byte("y")), m.path("d/y"))
		s.wantSettled("d/y", []byte("y"))
		tool(t, "rm", "-r", m.path("d"), m.path("e"), m.path("full"))
		s.wantEmpty()
	})
}

func TestProgramGoesOnInADirectoryThatIsRenamed(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("d/sub/x", []byte("x"), nil)
	tool(t, "sh", "-ec", `
		cd "$1/d/sub"; mv "$1/d" "$1/e"; cat x; sleep 1.2; cat x; echo new > y
		ls "$1/e/sub" | grep -q y; mv y ../z; pwd -P | grep -q /e/sub`, "sh", m.dir)
	s.wantStored("e/z", []byte("new\n"))
	s.only("e/sub/x")
}

func TestRenamingADirectoryIsUndoneWhenOneImageFails(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		m.expectLog(`msg="rename to /e: .*path=/d`)
		for i := range 12 {
			s.post(fmt.Sprintf("d/%02d", i), nil, nil)
		}
		before := names(t, m.path("d"))
		p.setFault(nth("PUT", 9, fault{status: 403}))
		wantErrno(t, "rename", os.Rename(m.path("d"), m.path("e")), syscall.EACCES)
		p.setFault(nil)
		if got := names(t, m.dir) + ": " + names(t, m.path("d")); got != "d: "+before {
			t.Errorf("ls: %q", got)
		}
		for i := range 12 {
			s.only(fmt.Sprintf("d/%02d", i))
		}
	})
}

// While a file takes the place of another there is one, in the mount that does it.
func TestFileIsThereAtAnyTimeWhileItIsReplaced(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--metadata-ttl", "1ms")
	s.post("b.img", []byte("0"), nil)
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			list, err := os.ReadDir(m.dir)
			shown := 0
			for _, entry := range list {
				if strings.HasPrefix(entry.Name(), "b") {
					shown++
				}
			}
			if err != nil || shown != 1 {
				t.Errorf("ls shows %v, %v", list, err)
				return
			}
			if _, err := os.Stat(m.path("b.img")); err != nil {
				t.Errorf("stat: %v", err)
				return
			}
		}
	})
	for i := range 25 {
		tmp := m.path(fmt.Sprintf("a%d.tmp", i))
		if err := os.WriteFile(tmp, fmt.Appendf(nil, "%d", i+1), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, m.path("b.img")); err != nil {
			t.Fatal(err)
		}
		wantContent(t, m.path("b.img"), fmt.Appendf(nil, "%d", i+1))
	}
	close(stop)
	watch.Wait()
	if got := names(t, m.dir); got != "b.img" || len(s.images()) != 1 {
		t.Errorf("ls: %q, and the server has %d images", got, len(s.images()))
	}
}

func TestTwoMountsRenameTheSameFile(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--metadata-ttl", "1s")
	other := startMount(t, s.url, "--metadata-ttl", "1s")
	s.post("a.img", []byte("x"), nil)
	names(t, m.dir)
	names(t, other.dir)
	tool(t, "mv", m.path("a.img"), m.path("b.img"))
	eventually(t, "the other mount sees the new name", func() bool { return names(t, other.dir) == "b.img" })
	tool(t, "mv", other.path("b.img"), other.path("c.img"))
	eventually(t, "the first sees the next", func() bool { return names(t, m.dir) == "c.img" })
	wantContent(t, m.path("c.img"), []byte("x"))
	if err := os.Rename(m.path("b.img"), m.path("d.img")); !errors.Is(err, syscall.ENOENT) {
		t.Errorf("rename of what is gone: %v", err)
	}
}
