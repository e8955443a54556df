//go:build linux

package integration

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// dirReader reads a directory by the system calls themselves, which no library buffers.
type dirReader struct {
	t  *testing.T
	fd int
}

// dirEntry is an entry, and the position after it.
type dirEntry struct {
	name string
	next int64
}

func openDir(t *testing.T, path string) *dirReader {
	t.Helper()
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return &dirReader{t, fd}
}

// some reads what fits into a buffer; nothing is the end.
func (d *dirReader) some(bufferBytes int) (entries []dirEntry) {
	d.t.Helper()
	buf := make([]byte, bufferBytes)
	n, err := unix.Getdents(d.fd, buf)
	if err != nil {
		d.t.Fatal(err)
	}
	for buf = buf[:n]; len(buf) > 0; { // struct linux_dirent64
		const offset, length, name = 8, 16, 19
		record := buf[:binary.NativeEndian.Uint16(buf[length:])]
		text, _, _ := bytes.Cut(record[name:], []byte{0})
		entries = append(entries, dirEntry{string(text), int64(binary.NativeEndian.Uint64(record[offset:]))})
		buf = buf[len(record):]
	}
	return entries
}

func (d *dirReader) rest(bufferBytes int) (entries []dirEntry) {
	d.t.Helper()
	for {
		more := d.some(bufferBytes)
		if len(more) == 0 {
			return entries
		}
		entries = append(entries, more...)
	}
}

func (d *dirReader) seek(to int64) {
	d.t.Helper()
	if _, err := unix.Seek(d.fd, to, unix.SEEK_SET); err != nil {
		d.t.Fatal(err)
	}
}

func sortedNames(entries []dirEntry) []string {
	var all []string
	for _, e := range entries {
		all = append(all, e.name)
	}
	slices.Sort(all)
	return all
}

// postMany registers images without data, and returns their ids.
func (s *server) postMany(names []string, extra map[string]string) map[string]string {
	s.t.Helper()
	var mu sync.Mutex
	ids := make(map[string]string)
	var posts sync.WaitGroup
	for part := range slices.Chunk(names, len(names)/8+1) {
		posts.Go(func() {
			for _, name := range part {
				id := s.post(name, nil, extra)
				mu.Lock()
				ids[name] = id
				mu.Unlock()
			}
		})
	}
	posts.Wait()
	return ids
}

func numberedNames(prefix string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%04d.iso", prefix, i))
	}
	return all
}

// The names of those that stay and of those that go are mixed in any order of them.
func TestDirectoryIsReadWholeWhileImagesComeAndGo(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	stay := append(numberedNames("d/a-stays-", 1000), numberedNames("d/m-stays-", 1000)...)
	here := append(numberedNames("d/b-goes-", 20), numberedNames("d/l-goes-", 20)...)
	there := append(numberedNames("d/0-goes-", 20), numberedNames("d/z-goes-", 20)...)
	ids := s.postMany(slices.Concat(stay, here, there), nil)
	m := startMount(t, s.url) // whose listings are few: with the race detector each takes a second
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))

	writing, err := os.OpenFile(m.path(stay[500]), os.O_RDWR, 0) // has a place of its own in the directory
	if err != nil {
		t.Fatal(err)
	}
	d := openDir(t, m.path("d"))
	var all []dirEntry
	var marks []int // in all
	for turn := 0; ; turn++ {
		more := d.some(1000)
		if len(more) == 0 {
			break
		}
		if all = append(all, more...); turn%16 == 0 {
			marks = append(marks, len(all)-1)
			disturb(t, s, m, turn/16, here, there, ids)
		}
	}
	if err := writing.Close(); err != nil {
		t.Error(err)
	}
	wantEachOnce(t, all, stay)
	for range 20 { // back, to where it was
		i := marks[rng.IntN(len(marks))]
		d.seek(all[i].next)
		if got := d.rest(1000); !slices.Equal(got, all[i+1:]) {
			t.Errorf("from position %d there are %d entries, when it was first read there were %d", all[i].next, len(got), len(all)-i-1)
		}
	}
	eventually(t, "the directory from its start is what there is now", func() bool {
		d.seek(0)
		var want []string
		for _, img := range s.images() {
			want = append(want, strings.TrimPrefix(img.text("name"), "d/"))
		}
		slices.Sort(want)
		return slices.Equal(sortedNames(d.rest(1000)), want)
	})
}

// disturb makes images come and go, in the mount and at the server.
func disturb(t *testing.T, s *server, m *mount, i int, here, there []string, ids map[string]string) {
	t.Helper()
	for k, name := range []string{fmt.Sprintf("d/a-new-%04d", i), fmt.Sprintf("d/z-new-%04d", i)} {
		if i%2 == k {
			s.post(name, nil, nil)
		} else if err := os.WriteFile(m.path(name), []byte(name), 0o644); err != nil {
			t.Error(err)
		}
	}
	if i >= len(here)/2 {
		return
	}
	for _, name := range []string{here[len(here)/2-1-i], here[len(here)/2+i]} {
		if err := os.Remove(m.path(name)); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(m.path(name)); !os.IsNotExist(err) {
			t.Errorf("%s is there after it was removed: %v", name, err)
		}
	}
	s.delete(ids[there[i]])
}

// wantEachOnce demands that no name is there twice, and none of some is missing.
func wantEachOnce(t *testing.T, entries []dirEntry, paths []string) {
	t.Helper()
	times := make(map[string]int)
	for _, e := range entries {
		if times[e.name]++; times[e.name] > 1 {
			t.Errorf("%s is listed %d times", e.name, times[e.name])
		}
	}
	for _, p := range paths {
		if name := strings.TrimPrefix(p, "d/"); times[name] == 0 {
			t.Errorf("%s was there all the time and is not listed", name)
		}
	}
}

func TestFileRemovedWhileItsDirectoryIsReadStaysRemoved(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	list := numberedNames("d/", 300)
	s.postMany(list, nil)
	m := startMount(t, s.url, "--metadata-ttl", "1h")
	d := openDir(t, m.path("d"))
	all := d.some(500)
	for i := 100; i < 300; i += 2 {
		if err := os.Remove(m.path(list[i])); err != nil {
			t.Error(err)
		}
		if err := os.Rename(m.path(list[i+1]), m.path(list[i+1]+".renamed")); err != nil {
			t.Error(err)
		}
	}
	all = append(all, d.rest(500)...)
	wantEachOnce(t, all, list)
	for _, name := range list[100:] {
		if _, err := os.Lstat(m.path(name)); !os.IsNotExist(err) {
			t.Errorf("%s is there, because it was still listed: %v", name, err)
		}
	}
	if got := len(strings.Fields(names(t, m.path("d")))); got != 200 {
		t.Errorf("ls lists %d names, want 200", got)
	}
}

func TestEmptyDirectoryIsReadAnewFromItsStart(t *testing.T) {
	t.Parallel()
	_, m := mounted(t)
	d := openDir(t, m.dir)
	if got := d.rest(1000); len(got) > 0 {
		t.Errorf("at first it lists %v", got)
	}
	tool(t, "touch", m.path("new"))
	d.seek(0)
	if got := d.rest(1000); len(got) != 1 || got[0].name != "new" {
		t.Errorf("it lists %v, want new", got)
	}
}
