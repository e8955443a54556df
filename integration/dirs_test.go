//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDirectoriesThatWereMadeCostNoRequestAndStay(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	names(t, m.dir)
	p.reset()
	tool(t, "mkdir", "-p", m.path("a/b/c"))
	wantErrno(t, "mkdir of a directory", os.Mkdir(m.path("a"), 0o755), syscall.EEXIST)
	wantErrno(t, "rmdir of one that is not empty", syscall.Rmdir(m.path("a/b")), syscall.ENOTEMPTY)
	if got := names(t, m.path("a")); got != "b" {
		t.Errorf("ls a: %q", got)
	}
	p.wantRequests(t, "any", isAny, 0)

	tool(t, "cp", newFile(t, "x", random(500, 1000)), m.path("a/b/c/x"))
	s.wantStored("a/b/c/x", random(500, 1000))
	wantErrno(t, "rmdir of one with an image", syscall.Rmdir(m.path("a/b/c")), syscall.ENOTEMPTY)
	wantErrno(t, "rmdir of a file", syscall.Rmdir(m.path("a/b/c/x")), syscall.ENOTDIR)
	wantErrno(t, "unlink of a directory", unix.Unlink(m.path("a/b")), syscall.EISDIR)
	tool(t, "rm", m.path("a/b/c/x"))
	if got := names(t, m.path("a/b")); got != "c" {
		t.Errorf("ls a/b after its last image went: %q", got)
	}
	tool(t, "rmdir", m.path("a/b/c"), m.path("a/b"), m.path("a"))
	if got := names(t, m.dir); got != "" {
		t.Errorf("ls after rmdir: %q", got)
	}
	s.wantEmpty()
}

func TestDirectoryMadeAnewInPlaceOfARemovedOneWorks(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	tool(t, "sh", "-ec", `mkdir "$1/d"; cd "$1/d"; rmdir ../d; mkdir ../d; echo x > ../d/f; ! echo y > f`, "sh", m.dir)
	s.wantStored("d/f", []byte("x\n"))
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images, want one: a file was made in a directory that is gone", n)
	}
}

func TestDirectoryThatAnotherMountEmptiedGoes(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	other := startMount(t, s.url, "--metadata-ttl", "1s")
	s.post("d/x", nil, nil)
	eventually(t, "the other mount shows d", func() bool { return names(t, other.dir) == "d" })
	tool(t, "rm", "-r", m.path("d"))
	eventually(t, "d is gone there", func() bool {
		_, err := os.Stat(other.path("d"))
		return os.IsNotExist(err) && names(t, other.dir) == ""
	})
}

func TestRemovingTreesOfImagesSucceeds(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--metadata-ttl", "1s")
	for name, command := range map[string]string{
		"rm":   `rm -r "$1"`,
		"find": `find "$1" -delete`,
		"slow": `cd "$1"; rm d/e/*; sleep 1.2; rmdir d/e; rmdir d; rm top; cd ..; rmdir "$1"`, // the kernel has forgotten the names
		"move": `mkdir "$1-to"; mv "$1"/d/e/* "$1-to/"; rmdir "$1/d/e" "$1/d"; rm -r "$1-to" "$1"`,
	} {
		t.Run(name, func(t *testing.T) {
			for _, below := range []string{"/d/e/x", "/d/e/y", "/top"} {
				s.post(name+below, nil, nil)
			}
			eventually(t, "the mount shows them", func() bool { return strings.Contains(names(t, m.dir), name) })
			tool(t, "sh", "-ec", command, "sh", m.path(name))
			if got := names(t, m.dir); got != "" {
				t.Errorf("ls: %q", got)
			}
			s.wantEmpty()
		})
	}
}

func TestDirectoryOfAFileThatIsBeingWrittenStays(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("d/old", nil, nil)
	f, err := os.Create(m.path("d/new"))
	if err != nil {
		t.Fatal(err)
	}
	tool(t, "rm", m.path("d/old"))
	wantErrno(t, "rmdir", syscall.Rmdir(m.path("d")), syscall.ENOTEMPTY)
	if got := names(t, m.path("d")); got != "new" {
		t.Errorf("ls d: %q", got)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStored("d/new", []byte("x"))
	wantContent(t, m.path("d/new"), []byte("x"))
}

func TestDirectoriesThatVISCannotHoldAreRefused(t *testing.T) {
	t.Parallel()
	_, m := mounted(t)
	m.expectLog(`level=WARN msg="mkdir: `)
	for _, name := range []string{"control\x01", " leading", "bad\xff"} {
		wantErrno(t, "mkdir", os.Mkdir(m.path(name), 0o755), syscall.EINVAL)
	}
	wantErrno(t, "mkdir of 256 bytes", os.Mkdir(m.path(strings.Repeat("x", 256)), 0o755), syscall.ENAMETOOLONG)
	tool(t, "mkdir", m.path("trailing "))
}

func TestTimesAndModesOfDirectoriesAreKeptWhileMounted(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("images/x", nil, nil)
	tool(t, "mkdir", "-m", "0700", m.path("made"))
	for _, dir := range []string{"images", "made"} {
		tool(t, "touch", "-d", "2012-03-04 05:06:07.123456789 UTC", m.path(dir))
		if got := tool(t, "stat", "-c", "%.9Y", m.path(dir)); got != "1330837567.123456789\n" {
			t.Errorf("%s: mtime %s", dir, got)
		}
	}
	if got := tool(t, "stat", "-c", "%a", m.path("made")); got != "700\n" {
		t.Errorf("mode %s", got)
	}
	tool(t, "chmod", "0750", m.path("images"))
	if got := tool(t, "stat", "-c", "%a", m.path("images")); got != "750\n" {
		t.Errorf("mode after chmod %s", got)
	}
}

// newImageTree makes a small tree of files, with names that the original server takes.
func newImageTree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	for i, name := range []string{"top.iso", "deb/x.iso", "deb/i386/y.vdi", "deb/i386/z-i386.img"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, random(uint64(510+i), 100_000+i), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestTreesAreCopiedInAndOut(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		tree := newImageTree(t)
		out := t.TempDir()
		for name, command := range map[string]string{
			"cp -r":    `cp -r "$1" "$2"; cp -r "$2" "$3/"`,
			"cp -a":    `cp -a "$1" "$2"; cp -a "$2" "$3/"`,
			"rsync -a": `rsync -a "$1/" "$2/"; rsync -a "$2" "$3/"`,
			"tar":      `mkdir "$2"; tar -C "$1" -c . | tar -C "$2" -x; mkdir "$3/tar"; tar -C "$2" -c . | tar -C "$3/tar" -x`,
		} {
			tool(t, "sh", "-ec", command, "sh", tree, m.path(name), out)
			tool(t, "diff", "-r", tree, m.path(name))
			tool(t, "diff", "-r", tree, filepath.Join(out, name))
			if img := s.only(name + "/deb/i386/y.vdi"); img.text("format") != "vdi" || img.text("architecture") != "i386" {
				t.Errorf("%s: format %q, architecture %q", name, img.text("format"), img.text("architecture"))
			}
			tool(t, "rm", "-r", m.path(name))
		}
		s.wantEmpty()
	})
}

func TestSecondRsyncOfATreeSendsNothing(t *testing.T) {
	for name, args := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, args...)
			p := startProxy(t, s)
			m := startMount(t, p.url, "--metadata-ttl", "1h")
			tree := newImageTree(t)
			tool(t, "rsync", "-a", tree, m.dir+"/")
			p.reset()
			if moved := tool(t, "rsync", "-ai", tree, m.dir+"/"); moved != "" {
				t.Errorf("a second rsync changes %s", moved)
			}
			p.wantRequests(t, "any", isAny, 0)
			m.stop()
			p.reset()
			again := startMount(t, p.url, "--metadata-ttl", "1h")
			if moved := tool(t, "rsync", "-ai", tree, again.dir+"/"); strings.Contains(moved, ">f") || strings.Contains(moved, ".f") {
				t.Errorf("rsync to a new mount changes %s", moved)
			}
			if changes := p.list(func(r seen) bool { return r.method != "GET" && r.method != "HEAD" }); len(changes) > 0 {
				t.Errorf("it sends %v", changes)
			}
			p.wantRequests(t, "list", isListing, 1)
		})
	}
}
