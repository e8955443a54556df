//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLitterOfMacOSNeverReachesTheServer(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	data := random(70, 30_000)
	tool(t, "cp", newFile(t, "a.iso", data), m.path("a.iso"))
	tool(t, "mkdir", m.path("dir"))
	p.reset()
	for _, name := range []string{"._a.iso", ".DS_Store", "dir/.DS_Store", ".apdisk", ".VolumeIcon.icns", ".fseventsd"} {
		_, err := os.Create(m.path(name))
		wantErrno(t, "create of "+name, err, syscall.EPERM)
		wantErrno(t, "rename to "+name, os.Rename(m.path("a.iso"), m.path(name)), syscall.EPERM)
		wantErrno(t, "setfattr of the name "+name, setxattr(m.path("a.iso"), "user.visor.name", name), syscall.EPERM)
	}
	for _, name := range []string{".Trashes", ".Spotlight-V100", ".TemporaryItems", ".DocumentRevisions-V100"} {
		wantErrno(t, "mkdir of "+name, os.Mkdir(m.path(name), 0o755), syscall.EPERM)
		wantErrno(t, "rename of a directory to "+name, os.Rename(m.path("dir"), m.path(name)), syscall.EPERM)
	}
	p.wantRequests(t, "any", isAny, 0)
	wantContent(t, m.path("a.iso"), data)
	s.wantStored("a.iso", data)
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server, want 1", n)
	}
}

func TestCopyOfAMacsDirectoryBringsAllButTheLitter(t *testing.T) {
	t.Parallel()
	for _, copier := range [][]string{{"cp", "-r"}, {"rsync", "-r"}, {"rsync", "-r", "--inplace"}} {
		s, p, m := counted(t)
		from := t.TempDir()
		for _, name := range []string{".DS_Store", "._a.iso", ".Trashes/501/old.iso", "sub/._b.iso", "sub/.DS_Store"} {
			writeBelow(t, from, name, random(71, 5_000))
		}
		images := map[string][]byte{"a.iso": random(72, 5_000), "sub/b.iso": random(73, 5_000), "sub/.DS_Store.iso": random(74, 5_000)}
		for name, data := range images {
			writeBelow(t, from, name, data)
		}
		wantFailure(t, "Operation not permitted", copier[0], append(copier[1:], from+"/.", m.dir)...) // it says what it left out
		for name, data := range images {
			wantContent(t, m.path(name), data)
			s.wantStored(name, data)
		}
		if n := len(s.images()); n != len(images) {
			t.Errorf("%v: %d images are on the server, want %d", copier, n, len(images))
		}
		p.wantRequests(t, "uploads", is("POST"), len(images))
	}
}

// writeBelow writes a file, and makes the directories on the way.
func writeBelow(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestLitterThatAnotherClientStoredIsShownAndCanBeRemovedButNotWritten(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := random(75, 10_000)
	s.post("dir/._a.iso", data, nil)
	s.post("dir/a.iso", data, nil)
	s.post(".Trashes/501/a.iso", data, nil)
	litter := m.path("dir/._a.iso")
	wantContent(t, litter, data)
	wantErrno(t, "append", writeAt(litter, os.O_APPEND, 0), syscall.EPERM)
	wantErrno(t, "truncate", os.Truncate(litter, 0), syscall.EPERM)
	wantErrno(t, "exchange", unix.Renameat2(unix.AT_FDCWD, m.path("dir/a.iso"), unix.AT_FDCWD, litter, unix.RENAME_EXCHANGE), syscall.EPERM)
	_, err := os.Create(m.path(".Trashes/501/b.iso"))
	wantErrno(t, "create in .Trashes", err, syscall.EPERM)
	wantContent(t, litter, data)

	tool(t, "mv", m.path("dir"), m.path("other")) // litter in it does not keep it from its new name
	wantContent(t, m.path("other/._a.iso"), data)
	tool(t, "mv", m.path(".Trashes/501/a.iso"), m.path("saved.iso"))
	tool(t, "rm", "-r", m.path("other"))
	s.wantStored("saved.iso", data)
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server, want 1", n)
	}
}
