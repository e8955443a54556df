//go:build linux

package integration

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strings"
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

// The program sees its own file there, and has another one in its place: what somebody else
// has registered under that name since is not touched.
func TestRenamingOverAnOpenFileLeavesWhatAppearedUnderIt(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url, "--metadata-ttl", "200ms")
		s.postSettled("a.img", random(532, 1000), nil)
		f, err := os.Create(m.path("b.img"))
		if err != nil {
			t.Fatal(err)
		}
		theirs := s.postSettled("b.img", random(533, 1000), nil)
		eventually(t, "the mount knows of the other image", func() bool {
			_, err := os.Stat(m.path(".by-id/" + theirs))
			return err == nil && strings.Contains(names(t, m.path(".by-id")), theirs)
		})
		tool(t, "mv", m.path("a.img"), m.path("b.img"))
		if err := f.Close(); err != nil {
			t.Error(err)
		}
		want := map[string]bool{string(random(532, 1000)): true, string(random(533, 1000)): true}
		eventually(t, "both images show", func() bool {
			paths := strings.Fields(names(t, m.dir))
			got := make(map[string]bool)
			for _, p := range paths {
				data, _ := os.ReadFile(m.path(p))
				got[string(data)] = true
			}
			return len(paths) == 2 && maps.Equal(got, want)
		})
	})
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
	wantErrno(t, "reserved", syscall.Rename(m.path(long), m.path(".visorfs")), syscall.EISDIR, syscall.EPERM)
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
