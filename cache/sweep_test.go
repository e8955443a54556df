package cache

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// farLink is a line of 50 ms, 25 MB/s a connection and 125 MB/s for all.
func farLink(size int) *link {
	return &link{source: &source{data: tiled()[:size]}, trip: 50 * time.Millisecond, flow: 25e6, total: 125e6}
}

func farOptions(l *link) Options {
	return Options{MemoryBytes: 256 << 20, RoundTrip: func() time.Duration { return l.trip }}
}

// A mounted filesystem's directories: small reads of all parts of a region, in an order
// that is no order.
func TestLocalReadsOverALongLinkAreSweptUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := farLink(96 << 20)
		c := New(farOptions(l))
		r := c.Reader(Object{Key: Key{"id", "1"}, Size: int64(len(l.data)), Open: l.open})
		defer func() { _ = r.Close() }()
		rng := rand.New(rand.NewPCG(1, 2))
		begun := time.Now()
		const reads = 1000
		for range reads {
			l.check(t, r, rng.Int64N(r.Size()/4096)*4096, 4096)
		}
		took := time.Since(begun)
		t.Logf("%v, %+v", took, c.Stats())
		if took > reads*l.trip/10 {
			t.Errorf("%v for %d reads over a link of %v", took, reads, l.trip)
		}
		if fetched := c.Stats().FetchedBytes; fetched > r.Size()*5/4 {
			t.Errorf("%d bytes were fetched of %d", fetched, r.Size())
		}
	})
}

func TestReadsAllOverALargeObjectAreNotSweptUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := farLink(512 << 20)
		c := New(farOptions(l))
		r := c.Reader(Object{Key: Key{"id", "1"}, Size: int64(len(l.data)), Open: l.open})
		defer func() { _ = r.Close() }()
		const readers, reads, size = 8, 50, 64 << 10
		var wg sync.WaitGroup
		for g := range uint64(readers) {
			rng := rand.New(rand.NewPCG(3, g))
			wg.Go(func() {
				for range reads {
					l.check(t, r, rng.Int64N(r.Size()/size)*size, size)
				}
			})
		}
		wg.Wait()
		if fetched, read := c.Stats().FetchedBytes, int64(readers*reads*size); fetched > read*3/2 {
			t.Errorf("%d bytes were fetched for %d", fetched, read)
		}
	})
}

func TestSweepThatIsOfNoUseIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := farLink(512 << 20)
		c := New(farOptions(l))
		r := c.Reader(Object{Key: Key{"id", "1"}, Size: int64(len(l.data)), Open: l.open})
		defer func() { _ = r.Close() }()
		// Near each other, always backwards, and never what was swept ahead.
		for off := r.Size() - 1<<20; off > 0; off -= 1 << 20 {
			l.check(t, r, off, 4096)
			time.Sleep(time.Second)
		}
		if fetched := c.Stats().FetchedBytes; fetched > 128<<20 {
			t.Errorf("%d bytes were fetched for %d reads of 4 KiB", fetched, r.Size()>>20)
		}
	})
}

func TestRandomReadsFetchNoMoreThanTheyAskFor(t *testing.T) {
	s := &source{data: tiled()}
	c, r := newReaderOf(t, s, patient)
	s.check(t, r, 0, 4096)
	var wg sync.WaitGroup
	for g := range uint64(8) {
		rng := rand.New(rand.NewPCG(4, g))
		wg.Go(func() {
			for range 200 {
				s.check(t, r, rng.Int64N(r.Size()/4096)*4096, 4096)
			}
		})
	}
	wg.Wait()
	if fetched := c.Stats().FetchedBytes; fetched > 1600*4096+4<<20 {
		t.Errorf("%d bytes were fetched for 1600 reads of 4 KiB", fetched)
	}
	if opens := c.Stats().Opens; opens > 1600 {
		t.Errorf("%d requests for 1600 reads", opens)
	}
}
