package cache

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// patient keeps streams alive on a machine that is slow today.
var patient = Options{IdleTime: time.Hour}

func TestSequentialPassIsOneOpen(t *testing.T) {
	for _, memory := range []int64{1, chunkBytes, 1 << 20, 64 << 20} {
		s := newSource(64 << 20)
		c, r := newReaderOf(t, s, Options{MemoryBytes: memory, IdleTime: time.Hour})
		s.checkAll(t, r, chunkBytes)
		wantCount(t, "opens", s.opens.Load(), 1)
		wantCount(t, "bytes", s.served.Load(), 64<<20)
		wantCount(t, "Stats.Opens", c.Stats().Opens, 1)
		wantCount(t, "Stats.FetchedBytes", c.Stats().FetchedBytes, 64<<20)
	}
}

func TestPassWithSwappedReadsIsOneOpen(t *testing.T) {
	s := newSource(8 << 20)
	_, r := newReaderOf(t, s, patient)
	for off := int64(0); off < r.Size(); off += 2 * chunkBytes {
		s.check(t, r, off+chunkBytes, chunkBytes)
		s.check(t, r, off, chunkBytes)
	}
	wantCount(t, "opens", s.opens.Load(), 1)
	wantCount(t, "bytes", s.served.Load(), r.Size())
}

func TestPassWhoseReadsOvertakeEachOtherIsOneOpen(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 40 {
		synctest.Test(t, func(t *testing.T) {
			s := newSource(8 << 20)
			s.fail = func() error { time.Sleep(time.Second); return nil } // all in flight arrive meanwhile
			_, r := newReaderOf(t, s, patient)
			size := 128 << 10 << rng.IntN(4)
			var reads sync.WaitGroup
			for window := int64(0); window < r.Size(); window += int64(4 * size) {
				for _, n := range rng.Perm(4) {
					reads.Go(func() { s.check(t, r, window+int64(n*size), size) })
					synctest.Wait()
				}
				reads.Wait()
			}
			wantCount(t, "opens", s.opens.Load(), 1)
			wantCount(t, "bytes", s.served.Load(), r.Size())
		})
	}
}

func TestPassInSmallReadsIsOneOpen(t *testing.T) {
	s := newSource(3<<20 + 5)
	_, r := newReaderOf(t, s, Options{MemoryBytes: 2 * chunkBytes, IdleTime: time.Hour})
	s.checkAll(t, r, 4096)
	wantCount(t, "opens", s.opens.Load(), 1)
}

func TestRandomReadsAreOneOpenEachAtMost(t *testing.T) {
	seed := rand.Uint64()
	t.Log("seed", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	s := newSource(64 << 20)
	_, r := newReaderOf(t, s, patient)
	for range 100 {
		s.check(t, r, rng.Int64N(r.Size()-4096), 4096)
	}
	if n := s.opens.Load(); n > 100 {
		t.Errorf("%d opens for 100 reads", n)
	}
}

func TestRandomReadFetchesItsMissingRunOnly(t *testing.T) {
	s := newSource(8 << 20)
	_, r := newReaderOf(t, s, patient)
	s.check(t, r, 4<<20+3*chunkBytes, 100)
	s.check(t, r, 4<<20, 6*chunkBytes) // three before, two after
	r.wg.Wait()                        // both streams end by themselves
	wantCount(t, "opens", s.opens.Load(), 3)
	wantCount(t, "bytes", s.served.Load(), 6*chunkBytes)
}

func TestColdReadersFetchEachByteOnce(t *testing.T) {
	s := newSource(16<<20 + 3)
	c, r := newReaderOf(t, s, patient)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() { s.checkAll(t, r, (g+1)*50_000) })
	}
	wg.Wait()
	wantCount(t, "opens", s.opens.Load(), 1)
	wantCount(t, "bytes", s.served.Load(), r.Size())
	wantCount(t, "bytes cached", c.Stats().CachedBytes, r.Size())
}

func TestStreamStopsWhereAnotherBegan(t *testing.T) {
	s := newSource(16 << 20)
	_, r := newReaderOf(t, s, patient)
	s.check(t, r, 8<<20, chunkBytes)
	for off := int64(8<<20 + chunkBytes); off < r.Size(); off += chunkBytes {
		s.check(t, r, off, chunkBytes)
	}
	s.checkAll(t, r, chunkBytes)
	wantCount(t, "opens", s.opens.Load(), 3) // one chunk, the rest of that half, the first half
	wantCount(t, "bytes", s.served.Load(), r.Size())
}

func TestSourceWithoutRangesIsOnePass(t *testing.T) {
	for name, first := range map[string]int64{"jump first": 10 << 20, "start first": 0} {
		t.Run(name, func(t *testing.T) {
			s := newSource(16<<20 + 9)
			s.whole = true
			_, r := newReaderOf(t, s, patient)
			s.check(t, r, first, 4096)
			var wg sync.WaitGroup
			for g := range uint64(8) {
				rng := rand.New(rand.NewPCG(g, 0))
				wg.Go(func() {
					for range 20 {
						s.check(t, r, rng.Int64N(r.Size()), 1+rng.IntN(300_000))
					}
				})
			}
			wg.Wait()
			s.checkAll(t, r, chunkBytes)
			wantCount(t, "opens", s.opens.Load(), 1)
			wantCount(t, "bytes", s.served.Load(), r.Size())
		})
	}
}

func TestColdJumpsToSourceWithoutRangesAreOneOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(16 << 20)
		s.whole = true
		s.fail = func() error { time.Sleep(time.Second); return nil } // all of them arrive meanwhile
		_, r := newReaderOf(t, s, patient)
		var wg sync.WaitGroup
		for g := range int64(8) {
			wg.Go(func() { s.check(t, r, (g+2)<<20, 200_000) })
		}
		wg.Wait()
		wantCount(t, "opens", s.opens.Load(), 1)
	})
}

func TestReadOfTheStartJoinsTheJumpBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(16 << 20)
		s.whole = true
		s.fail = func() error { time.Sleep(time.Second); return nil } // both arrive meanwhile
		_, r := newReaderOf(t, s, patient)
		var wg sync.WaitGroup
		for _, off := range []int64{5 << 20, 0} {
			wg.Go(func() { s.check(t, r, off, 200_000) })
			synctest.Wait()
		}
		wg.Wait()
		wantCount(t, "opens", s.opens.Load(), 1)
	})
}

func TestRequestThatEndsUnansweredLeavesTheQuestionToTheNext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(16 << 20)
		s.whole = true
		s.fail = func() error { time.Sleep(10 * time.Second); return nil }
		_, r := newReaderOf(t, s, Options{})
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			_, _ = r.ReadAt(ctx, make([]byte, 1), 8<<20) // its stream idles out while it asks
		}()
		synctest.Wait()
		s.check(t, r, 4<<20, 100)
		wantCount(t, "opens", s.opens.Load(), 2)
	})
}

func TestJumpBackToEvictedBytesIsAnotherPass(t *testing.T) {
	s := newSource(4 << 20)
	s.whole = true
	var log bytes.Buffer
	_, r := newReaderOf(t, s, Options{MemoryBytes: chunkBytes, IdleTime: time.Hour, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s.check(t, r, 3<<20, 10)
	s.check(t, r, 1<<20, 10)
	wantCount(t, "opens", s.opens.Load(), 2)
	s.check(t, r, 3<<20, 10)
	s.check(t, r, 0, 10)
	if n := bytes.Count(log.Bytes(), []byte("ignores ranges")); n != 1 {
		t.Errorf("the log says it %d times: %s", n, log.String())
	}
}

func TestOldStreamsMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(64 << 20)
		_, r := newReaderOf(t, s, Options{MemoryBytes: 4 << 20})
		for i := range int64(maxStreams + 8) {
			s.check(t, r, i*2<<20, chunkBytes)
			s.check(t, r, i*2<<20+chunkBytes, chunkBytes) // follows: a stream to the end
			synctest.Wait()
			if n := len(r.streams); n > maxStreams {
				t.Fatalf("%d streams", n)
			}
		}
		wantCount(t, "bodies open", s.bodies.Load(), maxStreams)
	})
}
