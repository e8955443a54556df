//go:build linux

package integration

import (
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
	for _, name := range []string{"control\x01.iso", "line\nbreak", "del\x7f", " leading", "trailing ", "bad\xff\xfeutf8", ".by-id", ".query", ".visorfs"} {
		_, err := os.Create(m.path(name))
		wantErrno(t, "create of "+strings.ToValidUTF8(name, "?"), err, syscall.EINVAL)
	}
	_, err := os.Create(m.path(strings.Repeat("x", 256)))
	wantErrno(t, "create of 256 bytes", err, syscall.ENAMETOOLONG)
	p.wantRequests(t, "any", isAny, 0)
	s.wantEmpty()
}

func TestWhatIsNotSupportedSaysSo(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog(`level=WARN .*(mkdir|rmdir|rename|write|truncate|open)`)
	data := random(50, 200_000)
	s.post("dir/a.img", data, nil)
	s.post("b.img", data, nil)
	a, b := m.path("dir/a.img"), m.path("b.img")

	wantErrno(t, "mkdir", os.Mkdir(m.path("new"), 0o755), syscall.EOPNOTSUPP)
	wantErrno(t, "rmdir", syscall.Rmdir(m.path("dir")), syscall.EOPNOTSUPP, syscall.ENOTEMPTY)
	wantErrno(t, "rename", os.Rename(b, m.path("c.img")), syscall.EOPNOTSUPP)
	wantErrno(t, "mkfifo", syscall.Mkfifo(m.path("fifo"), 0o644), syscall.EPERM)
	wantErrno(t, "link", os.Link(a, m.path("hard")), syscall.EPERM)
	wantErrno(t, "symlink", os.Symlink("a", m.path("soft")), syscall.EPERM)
	wantErrno(t, "truncate", os.Truncate(b, 100), syscall.EOPNOTSUPP)
	wantErrno(t, "changing a part", writeAt(b, 0, 4096), syscall.EOPNOTSUPP)
	wantErrno(t, "append", writeAt(b, os.O_APPEND, 0), syscall.EOPNOTSUPP)

	for _, path := range []string{a, b} {
		wantContent(t, path, data)
	}
	if got := names(t, m.dir); got != "b.img dir" {
		t.Errorf("ls: %q, want what was there before", got)
	}
	if n := len(s.images()); n != 2 {
		t.Errorf("%d images are on the server, want 2", n)
	}
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
	s, m := mounted(t)
	m.expectLog(`level=WARN msg="write: `)
	m.allowLog(`level=WARN msg="close: `)
	old := random(52, 20_000)
	s.post("old.img", old, nil)
	for _, name := range []string{"new.img", "old.img"} {
		f, err := os.Create(m.path(name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(random(53, 10_000)); err != nil {
			t.Fatal(err)
		}
		_, err = f.WriteAt([]byte("x"), 5000)
		wantErrno(t, "write at 5000 of 10000", err, syscall.EOPNOTSUPP)
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

func TestFileOpenForReadingAndWritingKeepsTheTruth(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog(`level=WARN .*(read|open)`)
	f, err := os.OpenFile(m.path("a.img"), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(53, 5000)); err != nil {
		t.Fatal(err)
	}
	// Reading it back before the end is either right or refused.
	buf := make([]byte, 5000)
	if n, err := f.ReadAt(buf, 0); err == nil && string(buf[:n]) != string(random(53, 5000)) {
		t.Errorf("read back %d other bytes", n)
	} else if err != nil {
		wantErrno(t, "read back", err, syscall.EOPNOTSUPP)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStored("a.img", random(53, 5000))
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
