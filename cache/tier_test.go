package cache

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/cache/disk"
)

func openStore(t testing.TB, dir string, size int64) *disk.Store {
	t.Helper()
	store, err := disk.Open(disk.Options{Dir: dir, Bytes: size})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// onDisk is a cache over a directory, for as long as do takes.
func onDisk(t *testing.T, dir string, s *source, md5 string, do func(*Cache, *Reader)) {
	t.Helper()
	c := New(Options{MemoryBytes: 4 << 20, Disk: openStore(t, dir, 256<<20)})
	o := s.object()
	o.MD5 = md5
	r := c.Reader(o)
	do(c, r)
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

func TestDiskServesTheNextMount(t *testing.T) {
	dir := t.TempDir()
	s := newSource(16<<20 + 5)
	onDisk(t, dir, s, s.sum(), func(c *Cache, r *Reader) { s.checkAll(t, r, 1<<20) })
	wantCount(t, "opens of the first", s.opens.Load(), 1)
	onDisk(t, dir, s, s.sum(), func(c *Cache, r *Reader) {
		s.checkAll(t, r, 100_000)
		s.check(t, r, 5<<20+77, 4096)
		wantCount(t, "bytes from the source", c.Stats().SourceBytes, 0)
	})
	wantCount(t, "opens", s.opens.Load(), 1)
}

func TestPagesOfRandomReadsAreOnDiskToo(t *testing.T) {
	dir := t.TempDir()
	s := newSource(16 << 20)
	onDisk(t, dir, s, "", func(_ *Cache, r *Reader) {
		s.check(t, r, 0, 1)
		for off := int64(1 << 20); off < r.Size(); off += 1 << 20 {
			s.check(t, r, off+4096, 4096)
		}
	})
	before := s.opens.Load()
	onDisk(t, dir, s, "", func(_ *Cache, r *Reader) {
		for off := int64(1 << 20); off < r.Size(); off += 1 << 20 {
			s.check(t, r, off+4096, 4096)
		}
	})
	wantCount(t, "opens", s.opens.Load(), before)
}

// backed waits for the object to have been looked through.
func backed(r *Reader) ([]byte, bool) {
	for range 500 {
		if f, release, ok := r.Backing(); ok {
			defer release()
			data, err := io.ReadAll(f)
			return data, err == nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, false
}

func TestWholeAndVerifiedObjectIsHandedToTheKernel(t *testing.T) {
	dir := t.TempDir()
	s := newSource(8<<20 + 3)
	for range 2 { // also after a remount, when its pages have been checked
		onDisk(t, dir, s, s.sum(), func(_ *Cache, r *Reader) {
			s.checkAll(t, r, 1<<20)
			if data, ok := backed(r); !ok || !bytes.Equal(data, s.data) {
				t.Errorf("backed %v, %d bytes", ok, len(data))
			}
		})
	}
}

func TestObjectOnDiskWithAnotherMD5IsDropped(t *testing.T) {
	dir := t.TempDir()
	s := newSource(8 << 20)
	onDisk(t, dir, s, "", func(_ *Cache, r *Reader) { s.checkAll(t, r, 1<<20) })
	onDisk(t, dir, s, "00000000000000000000000000000000", func(c *Cache, r *Reader) {
		if _, _, ok := r.Backing(); ok {
			t.Error("it is handed out")
		}
		for range 500 {
			if c.Stats().Corrupt > 0 {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		t.Error("nobody noticed")
	})
}

func TestReadsWithDiskAgreeWithOracle(t *testing.T) {
	for _, whole := range []bool{false, true} {
		for _, size := range []int64{1 << 20, 64 << 20} {
			seed := rand.Uint64()
			t.Run(fmt.Sprintf("whole=%v/size=%d/seed=%d", whole, size, seed), func(t *testing.T) {
				s := newSource(5<<20 + 17)
				s.whole = whole
				c := New(Options{MemoryBytes: 1 << 20, Disk: openStore(t, t.TempDir(), size)})
				r := c.Reader(s.object())
				var wg sync.WaitGroup
				for g := range uint64(6) {
					rng := rand.New(rand.NewPCG(seed, g))
					wg.Go(func() {
						for range 60 {
							s.check(t, r, rng.Int64N(r.Size()), 1+rng.IntN(1<<(1+rng.IntN(20))))
						}
					})
				}
				wg.Wait()
				_ = r.Close()
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestSparseRunsAreKnownOnceOnDisk(t *testing.T) {
	s := &source{data: make([]byte, 4<<20)}
	copy(s.data[1<<20:], random()[:1<<20])
	onDisk(t, t.TempDir(), s, "", func(c *Cache, r *Reader) {
		if at, err := r.SeekData(0); at != 0 || err != nil {
			t.Errorf("of a cold object: data at %d, %v", at, err)
		}
		s.checkAll(t, r, 1<<20)
		for c.tier.store.Stats().Held == 0 || !r.disk.Whole() {
			time.Sleep(time.Millisecond)
		}
		for _, tc := range []struct{ data, hole, from int64 }{
			{from: 0, data: 1 << 20, hole: 0},
			{from: 1<<20 + 5, data: 1<<20 + 5, hole: 2 << 20},
			{from: 3 << 20, data: -1, hole: 3 << 20},
		} {
			data, err := r.SeekData(tc.from)
			if err == io.EOF {
				data = -1
			}
			hole, _ := r.SeekHole(tc.from)
			if data != tc.data || hole != tc.hole {
				t.Errorf("from %d: data %d, hole %d; want %d, %d", tc.from, data, hole, tc.data, tc.hole)
			}
		}
	})
}
