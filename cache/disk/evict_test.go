package disk

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

func TestLeastRecentlyUsedChunksGoFirst(t *testing.T) {
	c, dir := newClock(), newDir(t)
	b := someBytes(1, 20*ChunkBytes)
	opts := Options{Dir: dir, Bytes: 20*ChunkBytes + 12*PageBytes, now: c.now}
	s := mustOpen(t, opts)
	x, y := mustObject(t, s, "x", len(b)), mustObject(t, s, "y", len(b))
	for i := range 10 {
		c.advance(time.Second)
		x.WriteAt(b[i*ChunkBytes:][:ChunkBytes], int64(i*ChunkBytes))
		c.advance(time.Second)
		y.WriteAt(b[i*ChunkBytes:][:ChunkBytes], int64(i*ChunkBytes))
	}
	c.advance(time.Second)
	if !x.ReadAt(make([]byte, 1), 0) || s.Stats().Evicted != 0 {
		t.Fatalf("not all fits: %+v", s.Stats())
	}
	x.Close()
	y.Close()
	mustClose(t, s) // the order survives, and what has no handle is evicted too
	s = mustOpen(t, opts)
	z := mustObject(t, s, "z", len(b))
	for i := range 3 {
		c.advance(time.Second)
		z.WriteAt(b[i*ChunkBytes:][:ChunkBytes], int64(i*ChunkBytes))
	}
	x, y = mustObject(t, s, "x", len(b)), mustObject(t, s, "y", len(b))
	if !x.Has(0, ChunkBytes) || x.Has(ChunkBytes, 1) || y.Has(0, 1) || y.Has(ChunkBytes, 1) {
		t.Error("x 1, y 0 and y 1 should be gone")
	}
	if !x.Has(2*ChunkBytes, 8*ChunkBytes) || !y.Has(2*ChunkBytes, 8*ChunkBytes) || s.Stats().Evicted != 3 {
		t.Errorf("more is gone: %+v", s.Stats())
	}
	if !x.ReadAt(make([]byte, 1), 3*ChunkBytes-1) { // a candidate of the last look
		t.Error("x 2 can't be read")
	}
	z.WriteAt(b[3*ChunkBytes:][:ChunkBytes], 3*ChunkBytes)
	if !x.Has(2*ChunkBytes, ChunkBytes) || y.Has(2*ChunkBytes, 1) {
		t.Error("y 2 should be gone, for x 2 was used")
	}
	audit(t, s)
}

func TestLookFindsTheOldestOfMany(t *testing.T) {
	c := newClock()
	s := mustOpen(t, Options{Dir: newDir(t), now: c.now})
	const chunks = 3 * batch
	o := mustObject(t, s, "zeros", chunks*ChunkBytes)
	order := rand.Perm(chunks)
	for _, i := range order {
		c.advance(100 * time.Millisecond)
		o.WriteAt(zeroPage[:], int64(i)*ChunkBytes)
	}
	for k, got := range s.look() {
		if got.chunk != int64(order[k]) {
			t.Fatalf("candidate %d is chunk %d, not %d", k, got.chunk, order[k])
		}
	}
	if n := len(s.look()); n != batch {
		t.Errorf("%d candidates", n)
	}
}

func TestSmallerBoundIsObeyedAtOpen(t *testing.T) {
	for _, noHoles := range []bool{false, true} {
		dir := newDir(t)
		s := mustOpen(t, Options{Dir: dir, noHoles: noHoles})
		for k := range 8 {
			o := mustObject(t, s, fmt.Sprint(k), 1<<20)
			o.WriteAt(someBytes(uint64(k), 1<<20), 0)
			o.SetVerified(o.Epoch())
		}
		mustClose(t, s)
		s = mustOpen(t, Options{Dir: dir, noHoles: noHoles, Bytes: 3 << 20})
		audit(t, s)
		if got := s.Stats(); got.Held < 2<<20 || taken(t, dir) > 3<<20+32<<10 {
			t.Errorf("holds %+v, takes %d", got, taken(t, dir))
		}
		for k := range 8 {
			o := mustObject(t, s, fmt.Sprint(k), 1<<20)
			if o.Verified() != o.Whole() {
				t.Error("verified without all bytes, or the other way round")
			}
			if err := readable(o, someBytes(uint64(k), 1<<20)); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestZerosTakeNoSpace(t *testing.T) {
	dir := newDir(t)
	s := mustOpen(t, Options{Dir: dir})
	const size = 64 << 20
	o := mustObject(t, s, "zeros", size)
	o.WriteAt(make([]byte, size), 0)
	o.Close()
	if got := taken(t, dir); got > 256<<10 || s.Stats().Held > 256<<10 {
		t.Errorf("64 MiB of zeros take %d bytes, counted as %d", got, s.Stats().Held)
	}
	mustClose(t, s)
	s = mustOpen(t, Options{Dir: dir})
	o = mustObject(t, s, "zeros", size)
	if zero, end := o.ZeroRun(5); !zero || end != size || !o.Check(t.Context()) {
		t.Errorf("zeros end at %d", end)
	}
}

func TestBackingStaysUnderPressure(t *testing.T) {
	for _, noHoles := range []bool{false, true} {
		c := newClock()
		s := mustOpen(t, Options{Dir: newDir(t), Bytes: 4 << 20, now: c.now, noHoles: noHoles})
		x := sparseBytes(1, 1<<20+99)
		o := mustObject(t, s, "x", len(x))
		o.WriteAt(x, 0)
		if _, _, ok := o.Backing(); ok {
			t.Error("given out before it is verified")
		}
		o.SetVerified(o.Epoch())
		f, release, ok := o.Backing()
		if !ok {
			t.Fatal("not given out")
		}
		other := mustObject(t, s, "y", 16<<20)
		fill := func(name string) {
			c.advance(time.Minute)
			other.Close()
			other = mustObject(t, s, name, 3<<20)
			other.WriteAt(someBytes(2, 3<<20), 0)
		}
		fill("1")
		fill("2")
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, x) || !o.Verified() || s.Stats().Evicted == 0 {
			t.Errorf("under pressure: %v, %d bytes, %+v", err, len(got), s.Stats())
		}
		o.Drop()
		clear(got)
		if _, err := f.ReadAt(got, 0); err != nil || !bytes.Equal(got, x) {
			t.Errorf("after Drop: %v", err)
		}
		o.WriteAt(x, 0)
		release()
		release()
		fill("3")
		fill("4")
		if o.Has(0, 1<<20) {
			t.Error("not evicted after release")
		}
		audit(t, s)
	}
}

func TestVerifiedEndsWithTheFirstLoss(t *testing.T) {
	dir := newDir(t)
	s := mustOpen(t, Options{Dir: dir})
	b := someBytes(1, 3*ChunkBytes)
	o := mustObject(t, s, "x", len(b))
	epoch := o.Epoch()
	o.WriteAt(b[ChunkBytes:], ChunkBytes)
	if o.SetVerified(epoch) {
		t.Error("verified without all bytes")
	}
	o.WriteAt(b[:ChunkBytes], 0)
	if !o.SetVerified(epoch) || !o.Verified() {
		t.Error("not verified")
	}
	o.mu.Lock()
	o.lose(1)
	o.mu.Unlock()
	o.WriteAt(b, 0)
	if o.Verified() || o.SetVerified(epoch) {
		t.Error("verified by bytes that were lost")
	}
	mustClose(t, s)
	s = mustOpen(t, Options{Dir: dir})
	if o = mustObject(t, s, "x", len(b)); o.Verified() || !o.Whole() {
		t.Error("verified after a remount")
	}
	if !o.SetVerified(o.Epoch()) || o.Believed() {
		t.Error("believed unchecked bytes")
	}
	mustClose(t, s)
	s = mustOpen(t, Options{Dir: dir})
	if o = mustObject(t, s, "x", len(b)); !o.Verified() {
		t.Error("not verified after a remount")
	}
}

func TestObjectsAreShared(t *testing.T) {
	s := mustOpen(t, Options{Dir: newDir(t)})
	a, b := mustObject(t, s, "x", 10), mustObject(t, s, "x", 10)
	if a != b {
		t.Error("two objects for one name")
	}
	if _, err := s.Object("x", 11); err == nil {
		t.Error("two sizes at once")
	}
	a.WriteAt([]byte("0123456789"), 0)
	a.Close()
	wantAll(t, b, []byte("0123456789"))
	b.Close()
	c := mustObject(t, s, "x", 11)
	if c.Has(0, 1) {
		t.Error("has bytes of another size")
	}
	c.Close()
	if _, err := s.Object(string(make([]byte, maxContent+1)), 1); err == nil {
		t.Error("a name that is too long was taken")
	}
	o := mustObject(t, s, string(make([]byte, maxContent)), 1)
	o.WriteAt([]byte("x"), 0)
	wantAll(t, o, []byte("x"))
	audit(t, s)
}

func TestNothingHappensAfterClose(t *testing.T) {
	dir := newDir(t)
	s := mustOpen(t, Options{Dir: dir})
	o := mustObject(t, s, "x", ChunkBytes)
	b := someBytes(1, ChunkBytes)
	o.WriteAt(b, 0)
	o.SetVerified(o.Epoch())
	f, release, _ := o.Backing()
	mustClose(t, s)
	s2 := mustOpen(t, Options{Dir: dir})
	o.WriteAt(b, 0)
	o.Drop()
	if o.ReadAt(make([]byte, 1), 0) {
		t.Error("read after Close")
	}
	if _, err := s.Object("x", 5); err == nil || s.Close() == nil {
		t.Error("a closed store works")
	}
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, b) {
		t.Errorf("backing: %v", err)
	}
	release()
	o.Close()
	wantAll(t, mustObject(t, s2, "x", ChunkBytes), b)
}

// A chunk that is evicted and written again while it is read is read right or not at all.
func TestReadMeetsEviction(t *testing.T) {
	s := mustOpen(t, Options{Dir: newDir(t)})
	b := someBytes(1, 2*ChunkBytes)
	o := mustObject(t, s, "x", len(b))
	stop := time.Now().Add(time.Second)
	var wg sync.WaitGroup
	var hits atomic.Int64
	for range 2 {
		wg.Go(func() {
			for p := make([]byte, ChunkBytes); time.Now().Before(stop); {
				if !o.ReadAt(p, 0) {
					continue
				}
				hits.Add(1)
				if !bytes.Equal(p, b[:ChunkBytes]) {
					t.Error("wrong bytes")
					return
				}
			}
		})
	}
	for n := 0; time.Now().Before(stop); n++ {
		o.WriteAt(b, 0)
		o.mu.Lock()
		o.lose(int64(n % 2))
		o.mu.Unlock()
	}
	wg.Wait()
	audit(t, s)
	if hits.Load() == 0 || s.Stats().Discarded > 0 {
		t.Errorf("%d reads went well, %+v", hits.Load(), s.Stats())
	}
}

// Readers, writers, evictions and all else at once: with the race detector, and bytes
// compared.
func TestAllAtOnce(t *testing.T) {
	for _, noHoles := range []bool{false, true} {
		t.Run(fmt.Sprint("noHoles=", noHoles), func(t *testing.T) { allAtOnce(t, noHoles) })
	}
}

func allAtOnce(t *testing.T, noHoles bool) {
	const size = 2<<20 + 5000
	dir := newDir(t)
	s := mustOpen(t, Options{Dir: dir, Bytes: 3 << 20, noHoles: noHoles})
	var wg sync.WaitGroup
	stop := time.Now().Add(2 * time.Second)
	for g := range 8 {
		seed := uint64(g % 4)
		b := sparseBytes(seed, size)
		rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
		wg.Go(func() {
			for time.Now().Before(stop) {
				o := mustObject(t, s, fmt.Sprint("o", seed), size)
				for range 20 {
					anything(t, rng, o, b)
				}
				o.Close()
				if got := s.Stats(); got.Held > got.Limit {
					t.Errorf("holds %d of %d", got.Held, got.Limit)
				}
			}
		})
	}
	wg.Wait()
	audit(t, s)
	if got := s.Stats(); got.Discarded+got.WriteErrors > 0 || got.Evicted == 0 {
		t.Errorf("got %+v", got)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1+2*int(s.Stats().Objects) {
		t.Errorf("there are %d files, %+v", len(files), s.Stats())
	}
}

func anything(t *testing.T, rng *rand.Rand, o *Object, b []byte) {
	off := rng.IntN(len(b))
	n := 1 + rng.IntN(min(len(b)-off, 4*ChunkBytes))
	switch rng.IntN(20) {
	case 0, 1, 2, 3, 4, 5, 6:
		off = off / PageBytes * PageBytes
		o.WriteAt(b[off:off+n], int64(off))
	case 7:
		epoch := o.Epoch()
		o.WriteAt(b, 0)
		o.SetVerified(epoch)
	case 8:
		if f, release, ok := o.Backing(); ok {
			p := make([]byte, n)
			if _, err := f.ReadAt(p, int64(off)); err != nil || !bytes.Equal(p, b[off:off+n]) {
				t.Errorf("backing: wrong bytes, %v", err)
			}
			release()
		}
	case 9:
		if rng.IntN(10) == 0 {
			o.Drop()
		}
	case 10:
		o.Check(t.Context())
		o.Missing(int64(off))
	default:
		p := make([]byte, n)
		if o.ReadAt(p, int64(off)) && !bytes.Equal(p, b[off:off+n]) {
			t.Errorf("wrong bytes in %d at %d", n, off)
		}
		if zero, end := o.ZeroRun(int64(off)); zero && len(bytes.Trim(b[off:end], "\x00")) > 0 {
			t.Errorf("no zeros at %d", off)
		}
	}
}
