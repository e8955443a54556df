package spool

import (
	"bytes"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// logBuffer is a log that tests read.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "spool") }

func mustOpen(t testing.TB, o Options) *Dir {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func mustCreate(t testing.TB, d *Dir, name string) *File {
	t.Helper()
	f, err := d.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func mustWrite(t testing.TB, f *File, b []byte, off int64) {
	t.Helper()
	if n, err := f.WriteAt(b, off); n != len(b) || err != nil {
		t.Fatalf("wrote %d: %v", n, err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantBytes(t testing.TB, f *File, want []byte, off int64) {
	t.Helper()
	got := make([]byte, len(want))
	if n, err := f.ReadAt(got, off); n != len(want) || err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes at %d: read %d, %v, first wrong one at %d", len(want), off, n, err, firstWrong(got, want))
	}
}

func firstWrong(got, want []byte) int {
	for i := range want {
		if got[i] != want[i] {
			return i
		}
	}
	return -1
}

// wantRoom compares what all files of a spool take.
func wantRoom(t testing.TB, d *Dir, want int64) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.used != want {
		t.Errorf("%d bytes are counted, not %d", d.used, want)
	}
}

func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s has %q, not %q", dir, got, want)
	}
}

func wantFile(t testing.TB, path string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s: %d bytes, %v, right: %t", path, len(got), err, bytes.Equal(got, want))
	}
}

func someBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed)})
	_, _ = r.Read(b)
	for i := range b {
		b[i] |= 1 // so that zeros are told from it
	}
	return b
}

func TestWhatIsWrittenIsReadAndTheRestIsKnown(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	f := mustCreate(t, d, "a/b.img")
	b := someBytes(1, 5000)
	mustWrite(t, f, b, 1000)
	must(t, f.Zero(6000, 9000))
	wantBytes(t, f, append(b, make([]byte, 3000)...), 1000)
	for _, c := range []struct {
		off, end, to int64
		written      bool
	}{{0, 500, 500, false}, {0, 2000, 1000, false}, {1000, 20000, 9000, true}, {8999, 9001, 9000, true}, {9000, 9001, 9001, false}} {
		if to, written := f.Extent(c.off, c.end); to != c.to || written != c.written {
			t.Errorf("%d to %d: %d, %t", c.off, c.end, to, written)
		}
	}
	if _, err := f.ReadAt(make([]byte, 2), 999); err == nil {
		t.Error("read what isn't written")
	}
	if f.Whole(9000) || f.Bytes() != 5000 {
		t.Errorf("%d bytes, whole: %t", f.Bytes(), f.Whole(9000))
	}
	must(t, f.Zero(0, 1000))
	if !f.Whole(9000) || f.Whole(9001) || !f.Whole(0) {
		t.Error("wrong about being whole")
	}
	wantRoom(t, d, 5000)
}

func TestZerosAndTruncateGiveRoomBack(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	f := mustCreate(t, d, "x")
	mustWrite(t, f, someBytes(1, 4<<20), 0)
	before := blocks(t, f)
	must(t, f.Zero(1<<20, 3<<20))
	must(t, f.Truncate(7<<19))
	wantRoom(t, d, 3<<19)
	if after := blocks(t, f); before-after < 5<<19 {
		t.Errorf("the disk has %d bytes, before %d", after, before)
	}
	mustWrite(t, f, someBytes(2, 10), 4<<20)
	must(t, f.Zero(7<<19, 4<<20))
	wantBytes(t, f, make([]byte, 1<<19), 7<<19) // what was cut off doesn't come back
}

func blocks(t *testing.T, f *File) int64 {
	t.Helper()
	info, err := f.file.Stat()
	must(t, err)
	return onDisk(info)
}

func TestBoundRefusesAndDamagesNothing(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t), MaxBytes: 10000})
	f, other := mustCreate(t, d, "x"), mustCreate(t, d, "other")
	b := someBytes(1, 8000)
	mustWrite(t, f, b, 0)
	mustWrite(t, other, b[:2000], 0)
	n, err := f.WriteAt(make([]byte, 4000), 4001)
	if n != 0 || !errors.Is(err, ErrNoRoom) || !errors.Is(err, unix.ENOSPC) {
		t.Errorf("wrote %d: %v", n, err)
	}
	wantBytes(t, f, b, 0)
	mustWrite(t, f, b[:4000], 4000)
	wantBytes(t, f, append(b[:4000:4000], b[:4000]...), 0)
	must(t, other.Close())
	mustWrite(t, f, b[:2000], 8000)
	wantRoom(t, d, 10000)
}

func TestBoundIsByDefaultLessThanWhatIsFree(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	d := mustOpen(t, Options{Dir: dir})
	var fs unix.Statfs_t
	must(t, unix.Statfs(dir, &fs))
	if free := int64(fs.Bavail) * int64(fs.Bsize); d.max < free/3 || d.max > free {
		t.Errorf("%d bytes of %d", d.max, free)
	}
}

func TestUnlinkedFileIsReadUntilClose(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	d := mustOpen(t, Options{Dir: dir})
	f := mustCreate(t, d, "x")
	b := someBytes(1, 10000)
	mustWrite(t, f, b, 0)
	must(t, f.Unlink())
	must(t, f.Unlink())
	wantNames(t, dir, lostAndFound)
	wantBytes(t, f, b, 0)
	must(t, f.Close())
	must(t, f.Close())
	wantRoom(t, d, 0)
	_, readErr := f.ReadAt(b, 0)
	_, writeErr := f.WriteAt(b, 0)
	_, loseErr := f.Lose(1)
	for i, err := range []error{readErr, writeErr, loseErr, f.Zero(0, 1), f.Truncate(0), f.Unlink()} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%d after Close: %v", i, err)
		}
	}
}

func TestCloseRemovesTheFile(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	d := mustOpen(t, Options{Dir: dir})
	f := mustCreate(t, d, "x")
	mustWrite(t, f, someBytes(1, 100), 0)
	must(t, f.Close())
	wantNames(t, dir, lostAndFound)
	wantNames(t, d.lostPath)
	must(t, d.Close())
	if _, err := d.Create("x"); !errors.Is(err, os.ErrClosed) {
		t.Errorf("create after Close: %v", err)
	}
	wantNames(t, dir, lostAndFound)
}

func TestDirectoryThatOthersMayWriteIsRefused(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Chmod(dir, 0o777))
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(t.TempDir(), link))
	for _, path := range []string{dir, link} {
		if d, err := Open(Options{Dir: path}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v, %v", path, d, err)
		}
	}
}

func TestSmallWritesDontAllocate(t *testing.T) {
	d := mustOpen(t, Options{Dir: newDir(t)})
	f := mustCreate(t, d, "x")
	b := someBytes(1, 4096)
	off := int64(0)
	if n := testing.AllocsPerRun(100, func() { mustWrite(t, f, b, off); off += 4096 }); n > 0 {
		t.Errorf("%v for a write that follows the last", n)
	}
	if f.extents.runs.Len() != 1 {
		t.Errorf("%d runs", f.extents.runs.Len())
	}
	if n := testing.AllocsPerRun(100, func() { mustWrite(t, f, b, 77) }); n > 0 {
		t.Errorf("%v for a write over another", n)
	}
	for i := range int64(5000) {
		mustWrite(t, f, b[:10], (i*7919%5000)*10000+1_000_000)
	}
	r := rand.New(rand.NewPCG(1, 1))
	if n := testing.AllocsPerRun(5000, func() { mustWrite(t, f, b[:10], r.Int64N(50_000_000)) }); n >= 1 {
		t.Errorf("%v for a write anywhere", n)
	}
}
