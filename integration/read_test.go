//go:build linux

package integration

import (
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newTree makes a directory as people have them: many files, links, a hole.
func newTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	tool(t, "cp", "-a", "/usr/share/doc/coreutils", "/usr/lib/grub-rescue", "/etc/default", dir)
	for name, size := range map[string]int{"empty": 0, "one": 1, "big": 9<<20 + 7} {
		if err := os.WriteFile(filepath.Join(dir, name), random(uint64(size), size), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("big", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestReadingAnExt4ImageThroughALoopMount(t *testing.T) {
	needRoot(t)
	t.Parallel()
	tree := newTree(t)
	source := filepath.Join(t.TempDir(), "disk.img")
	tool(t, "mke2fs", "-q", "-t", "ext4", "-d", tree, source, "64M")
	wantLoopMountEqual(t, source, "ro,noload", tree)
}

func TestReadingASquashfsImageThroughALoopMount(t *testing.T) {
	needRoot(t)
	t.Parallel()
	tree := newTree(t)
	source := filepath.Join(t.TempDir(), "root.squashfs")
	tool(t, "mksquashfs", tree, source, "-quiet", "-no-progress")
	wantLoopMountEqual(t, source, "ro", tree)
}

// wantLoopMountEqual copies an image in, mounts it from another mount, and compares.
func wantLoopMountEqual(t *testing.T, source, options, tree string) {
	t.Helper()
	s, writer := mounted(t)
	tool(t, "cp", source, writer.dir)
	reader := startMount(t, s.url)
	dir := newMountpoint(t)
	tool(t, "mount", "-o", "loop,"+options, reader.path(filepath.Base(source)), dir)
	defer tool(t, "umount", dir)
	if diff := tool(t, "diff", "-r", "--no-dereference", "-x", "lost+found", tree, dir); diff != "" {
		t.Errorf("diff: %s", diff)
	}
}

func TestReadingWithTheToolsForISOs(t *testing.T) {
	t.Parallel()
	_, m := mounted(t)
	for path := range needISOs(t) {
		copied := m.path(filepath.Base(path))
		tool(t, "cp", path, copied)
		for _, list := range [][]string{{"isoinfo", "-l", "-i"}, {"bsdtar", "-tvf"}} {
			args := list[1:len(list):len(list)]
			want := tool(t, list[0], append(args, path)...)
			if got := tool(t, list[0], append(args, copied)...); got != want {
				t.Errorf("%s lists another content of %s than of its source", list[0], copied)
			}
		}
	}
}

func TestReadsAtRandomAreRight(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := random(2, 24<<20+4321)
	s.post("a.img", data, nil)
	f := open(t, m.path("a.img"), 0)
	wantRandomReads(t, f, data, 10_000, 64<<10)
}

func TestReadsAtRandomByManyAreRight(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"in memory":        nil,
		"in little memory": {"--memory", "1MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := mounted(t, args...)
			data := random(3, 16<<20+99)
			s.post("a.img", data, nil)
			wantRandomReadsByMany(t, m.path("a.img"), data)
		})
	}
}

func TestReadsAtRandomAreRightWithoutRanges(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--no-range")
	m := startMount(t, s.url)
	data := random(4, 16<<20+99)
	s.post("a.img", data, nil)
	wantRandomReadsByMany(t, m.path("a.img"), data)
}

// wantRandomReadsByMany reads past the kernel's page cache, so that each read is one
// of the program.
func wantRandomReadsByMany(t *testing.T, path string, data []byte) {
	t.Helper()
	var all sync.WaitGroup
	for range 8 {
		f := open(t, path, unix.O_DIRECT)
		all.Go(func() { wantRandomReads(t, f, data, 150, 300<<10) })
	}
	all.Wait()
}

// open opens a file for reading; the end of the test closes it.
func open(t *testing.T, path string, flags int) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDONLY|flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func wantRandomReads(t *testing.T, f *os.File, data []byte, count, longest int) {
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	buf := make([]byte, longest)
	for range count {
		off, length := rng.IntN(len(data)+1000), 1+rng.IntN(longest)
		n, err := f.ReadAt(buf[:length], int64(off))
		want := data[min(off, len(data)):min(off+length, len(data))]
		if err != nil && err != io.EOF || !bytes.Equal(buf[:n], want) {
			t.Errorf("seed %d: read of %d bytes at %d: %d bytes, %v; they are not the source's", seed, length, off, n, err)
			return
		}
	}
}

func TestOneSequentialPassIsOneRequest(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"with ranges": nil, "without ranges": {"--no-range"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, args...)
			p := startProxy(t, s)
			m := startMount(t, p.url)
			source := newFile(t, "a.img", random(5, 64<<20))
			s.post("a.img", random(5, 64<<20), nil)
			tool(t, "cmp", source, m.path("a.img"))
			p.wantRequests(t, "data", isData, 1)
		})
	}
}

func TestManyColdReadersFetchEachByteOnce(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t, "--memory", "128MiB")
	data := random(6, 32<<20)
	s.post("a.img", data, nil)
	var all sync.WaitGroup
	for range 8 {
		f := open(t, m.path("a.img"), unix.O_DIRECT)
		all.Go(func() {
			if got, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<40)); err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v; they are not the source's", len(got), err)
			}
		})
	}
	all.Wait()
	if sent := p.sent.Load(); sent != int64(len(data)) {
		t.Errorf("%d bytes were fetched in %v, want %d", sent, p.list(isData), len(data))
	}
}

func TestAnyMixOfReadersIsOneRequestWithoutRanges(t *testing.T) {
	t.Parallel()
	s := startServer(t, "--no-range")
	p := startProxy(t, s)
	m := startMount(t, p.url, "--memory", "128MiB")
	data := random(7, 16<<20)
	s.post("a.img", data, nil)
	wantRandomReadsByMany(t, m.path("a.img"), data)
	p.wantRequests(t, "data", isData, 1)
}

func TestSecondOpenReadsFromTheKernelsPages(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t, "--memory", "1MiB")
	data := random(8, 8<<20)
	s.post("a.img", data, nil)
	wantContent(t, m.path("a.img"), data)
	p.reset()
	wantContent(t, m.path("a.img"), data)
	p.wantRequests(t, "any", isAny, 0)
}

func TestLockedImageReadsAsEmpty(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("locked.iso", nil, nil)
	wantContent(t, m.path("locked.iso"), nil)
	if size := strings.TrimSpace(tool(t, "stat", "-c", "%s", m.path("locked.iso"))); size != "0" {
		t.Errorf("stat: size %s, want 0", size)
	}
}
