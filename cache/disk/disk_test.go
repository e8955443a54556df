package disk

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
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

func (l *logBuffer) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Split(strings.TrimSuffix(l.b.String(), "\n"), "\n")
}

func (l *logBuffer) logger() *slog.Logger { return slog.New(slog.NewTextHandler(l, nil)) }

// clock is a time that tests set.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClock() *clock { return &clock{t: time.Unix(1_700_000_000, 0)} }

func newDir(t testing.TB) string { return filepath.Join(t.TempDir(), "cache") }

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func mustObject(t testing.TB, s *Store, content string, size int) *Object {
	t.Helper()
	o, err := s.Object(content, int64(size))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func mustClose(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// someBytes returns bytes without pages of zeros.
func someBytes(seed uint64, size int) []byte {
	b := make([]byte, size)
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	_, _ = rng.Read(b)
	return b
}

// sparseBytes returns bytes of which some runs of pages are zeros.
func sparseBytes(seed uint64, size int) []byte {
	b := someBytes(seed, size)
	rng := rand.New(rand.NewPCG(seed, 7))
	for at := 0; at < size; at += PageBytes * (1 + rng.IntN(40)) {
		n := PageBytes * rng.IntN(40)
		at = at / PageBytes * PageBytes
		clear(b[at:min(at+n, size)])
		at += n
	}
	return b
}

func wantAll(t testing.TB, o *Object, want []byte) {
	t.Helper()
	got := make([]byte, len(want))
	if !o.ReadAt(got, 0) {
		t.Error("not all bytes are there")
	} else if !bytes.Equal(got, want) {
		t.Error("wrong bytes")
	}
}

// audit compares what the store counts with what its objects have.
func audit(t testing.TB, s *Store) {
	t.Helper()
	held, objects := int64(0), int64(0)
	for _, o := range s.snapshot() {
		o.mu.Lock()
		if want := o.cost(); o.held != want {
			t.Errorf("%s: counts %d bytes, has %d", o.content, o.held, want)
		}
		if o.exists != (o.present.Load() > 0 && o.pages > 0) {
			t.Errorf("%s: has %d pages, files: %v", o.content, o.present.Load(), o.exists)
		}
		held += o.held
		if o.exists {
			objects++
		}
		o.mu.Unlock()
	}
	got := s.Stats()
	if got.Held != held || got.Objects != objects {
		t.Errorf("counts %d bytes of %d objects, has %d of %d", got.Held, got.Objects, held, objects)
	}
	if got.Held > got.Limit {
		t.Errorf("holds %d bytes, limit %d", got.Held, got.Limit)
	}
}

// cost returns what the files should have, from what chunks say.
func (o *Object) cost() int64 {
	if !o.exists {
		return 0
	}
	n, present, believed := int64(PageBytes), int64(0), int64(0)
	groups, segments := map[int64]bool{}, map[int64]bool{}
	for i, c := range o.each {
		n += count(c.stored()) * PageBytes
		present += count(c.present.Load())
		believed += count(c.believed.Load())
		groups[i/groupChunks], segments[i/segmentChunks] = true, true
	}
	if present != o.present.Load() || believed != o.believed.Load() {
		return -1
	}
	return n + int64(len(groups)+len(segments))*PageBytes
}

// taken returns how much space the files of a directory have.
func taken(t testing.TB, dir string) (n int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != markerName {
			n += onDisk(info)
		}
	}
	return n
}
