//go:build linux

package integration

import (
	"bytes"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNamesThatVISCannotHoldAreRefusedBeforeAnyRequest(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	m.expectLog(`level=WARN msg="create: `)
	names(t, m.dir)
	p.reset()
	for _, name := range []string{"control\x01.iso", "line\nbreak", "del\x7f", " leading", "trailing ", "bad\xff\xfeutf8"} {
		_, err := os.Create(m.path(name))
		wantErrno(t, "create of "+strings.ToValidUTF8(name, "?"), err, syscall.EINVAL)
	}
	_, err := os.Create(m.path(strings.Repeat("x", 256)))
	wantErrno(t, "create of 256 bytes", err, syscall.ENAMETOOLONG)
	p.wantRequests(t, "any", isAny, 0)
	s.wantEmpty()
}

func TestWhatVISHasNotSaysSo(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog(`level=WARN .*fallocate`)
	data := random(50, 200_000)
	s.post("dir/a.img", data, nil)
	a := m.path("dir/a.img")

	wantErrno(t, "mkfifo", syscall.Mkfifo(m.path("fifo"), 0o644), syscall.EPERM)
	wantErrno(t, "link", os.Link(a, m.path("hard")), syscall.EPERM)
	wantErrno(t, "symlink", os.Symlink("a", m.path("soft")), syscall.EPERM)
	f, err := os.OpenFile(a, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	wantErrno(t, "collapse", unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_COLLAPSE_RANGE, 0, 4096), syscall.EOPNOTSUPP)
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	wantContent(t, a, data)
	if got := names(t, m.dir); got != "dir" {
		t.Errorf("ls: %q, want what was there before", got)
	}
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server, want 1", n)
	}
}

func TestNoOverwriteRefusesEveryChangeOfWhatIsStored(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "-o", "no_overwrite")
	m.expectLog(`level=WARN .*no_overwrite`)
	data := random(50, 20_000)
	id := s.post("a.img", data, nil)
	path := m.path("a.img")
	wantErrno(t, "truncate", os.Truncate(path, 100), syscall.EPERM)
	wantErrno(t, "changing a part", writeAt(path, 0, 4096), syscall.EPERM)
	wantErrno(t, "append", writeAt(path, os.O_APPEND, 0), syscall.EPERM)
	_, err := os.Create(path)
	wantErrno(t, "emptying", err, syscall.EPERM)
	if r := try(t, "cp", newFile(t, "b.img", random(51, 100)), path); r.code == 0 {
		t.Error("cp over it worked")
	}
	tool(t, "cp", newFile(t, "c.img", random(52, 100)), m.path("c.img"))
	wantErrno(t, "rename over it", os.Rename(m.path("c.img"), path), syscall.EPERM)
	tool(t, "touch", m.path("late.img"))
	tool(t, "cp", newFile(t, "late.img", random(53, 100)), m.path("late.img"))
	tool(t, "setfattr", "-n", "user.visor.note", "-v", "x", path)
	wantContent(t, path, data)
	s.wantStored("a.img", data)
	if got := tool(t, "getfattr", "--only-values", "--absolute-names", "-n", "user.visor._id", path); got != id {
		t.Errorf("its id is %s, want %s", got, id)
	}
	s.wantStored("late.img", random(53, 100))
}

// writeAt writes ten bytes to a file that exists.
func writeAt(path string, flags int, off int64) error {
	f, err := os.OpenFile(path, os.O_WRONLY|flags, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if flags&os.O_APPEND != 0 {
		_, err = f.Write(random(51, 10))
	} else {
		_, err = f.WriteAt(random(51, 10), off)
	}
	return err
}

// A program that was refused a write may still close its file without a look at the
// outcome. What it leaves must not pass for a whole image, nor replace one.
func TestRefusedWriteStoresNothingAndReplacesNothing(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--spool-size", "1MiB")
	m.expectLog(`level=ERROR msg="write: `)
	m.allowLog(`level=ERROR msg="close: `)
	old := random(52, 20_000)
	s.post("old.img", old, nil)
	for _, name := range []string{"new.img", "old.img"} {
		f, err := os.Create(m.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(random(53, 2<<20)); err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("x"), 5000)
		wantErrno(t, "write where the spool has no room", err, syscall.ENOSPC)
		if err := f.Close(); err == nil {
			t.Errorf("%s: close says that all is well", name)
		}
	}
	s.wantStored("old.img", old)
	for _, img := range s.images() {
		if img.text("name") == "new.img" && img.text("status") == "available" {
			t.Errorf("new.img is stored, with %v bytes of what was to become more", img["size"])
		}
	}
}

func TestFileIsReadBackWhileItIsWritten(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	f, err := os.OpenFile(m.path("a.img"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	data := random(53, 5000)
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(data))
	if _, err := f.ReadAt(buf, 0); err != nil || !bytes.Equal(buf, data) {
		t.Errorf("read back other bytes, or not: %v", err)
	}
	wantContent(t, m.path("a.img"), data)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStored("a.img", data)
}

func TestReadOnlyMountRefusesEveryChange(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "-o", "ro")
	data := random(54, 5000)
	s.post("a.img", data, nil)
	path := m.path("a.img")
	_, err := os.Create(m.path("b.img"))
	wantErrno(t, "create", err, syscall.EROFS)
	wantErrno(t, "remove", syscall.Unlink(path), syscall.EROFS)
	wantErrno(t, "setxattr", unix.Setxattr(path, "user.visor.note", []byte("x"), 0), syscall.EROFS)
	wantErrno(t, "chmod", os.Chmod(path, 0o600), syscall.EROFS)
	wantErrno(t, "write", writeAt(path, 0, 0), syscall.EROFS)
	wantContent(t, path, data)
}
