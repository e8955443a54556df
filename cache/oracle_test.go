package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// Whatever the server does and however small the memory, no read gives a wrong byte,
// is short without an error, or hangs.
func TestReadsAgreeWithOracle(t *testing.T) {
	for _, whole := range []bool{false, true} {
		for _, memory := range []int64{1, chunkBytes, 3*chunkBytes + 5, 16 << 20} {
			for range 3 {
				seed := rand.Uint64()
				name := fmt.Sprintf("whole=%v/memory=%d/seed=%d", whole, memory, seed)
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { readRandomly(t, whole, memory, seed) })
				})
			}
		}
	}
}

func readRandomly(t *testing.T, whole bool, memory int64, seed uint64) {
	const readers, reads = 8, 25
	s := newSource(12*chunkBytes + 17)
	s.whole = whole
	s.faults = rand.New(rand.NewPCG(seed, 0))
	c, r := newReaderOf(t, s, Options{MemoryBytes: memory})
	var good atomic.Int64
	var wg sync.WaitGroup
	for g := range readers {
		rng := rand.New(rand.NewPCG(seed, uint64(g+1)))
		wg.Go(func() {
			off := int64(0)
			for range reads {
				n := 1 + rng.IntN(1<<(1+rng.IntN(19)))
				if rng.IntN(2) == 0 { // else where the last one ended
					off = rng.Int64N(r.Size() + 10)
				}
				if readLikeOracle(t, r, s.data, off, n) {
					good.Add(1)
				}
				off += int64(n)
				if held := c.Stats().CachedBytes; held > max(memory, leastMemory) {
					t.Errorf("%d bytes cached, bound is %d", held, memory)
				}
			}
		})
	}
	wg.Wait()
	if good.Load() < readers*reads/2 {
		t.Errorf("only %d of %d reads went well", good.Load(), readers*reads)
	}
}

// readLikeOracle compares one read, which may fail with what the source injects, and
// reports whether it didn't.
func readLikeOracle(t *testing.T, r *Reader, data []byte, off int64, n int) bool {
	p := make([]byte, n)
	got, err := r.ReadAt(context.Background(), p, off)
	want, wantErr := bytes.NewReader(data).ReadAt(make([]byte, n), off)
	injected := errors.Is(err, errInjected) || errors.Is(err, io.ErrUnexpectedEOF)
	switch {
	case got > 0 && !bytes.Equal(p[:got], data[off:off+int64(got)]):
		t.Errorf("read %d at %d: wrong bytes", n, off)
	case injected:
		return false
	case got != want || err != wantErr:
		t.Errorf("read %d at %d: got %d, %v; want %d, %v", n, off, got, err, want, wantErr)
	}
	return true
}

func TestHistoryTellsReadersApart(t *testing.T) {
	var h history
	const far = 1 << 30
	for i := range int64(followed) {
		if _, _, sequential := h.follow((i+1)*far, (i+1)*far+4096); sequential {
			t.Errorf("first read of reader %d is taken for sequential", i)
		}
	}
	for step := range int64(10) {
		for i := range int64(followed) {
			off := (i+1)*far + 4096*(step+1)
			if _, from, sequential := h.follow(off, off+4096); !sequential || from != off {
				t.Errorf("reader %d step %d: from %d, sequential %v", i, step, from, sequential)
			}
		}
	}
	if _, from, sequential := h.follow(2*chunkBytes, 3*chunkBytes); !sequential || from != 0 {
		t.Errorf("near the start: from %d, sequential %v", from, sequential)
	}
}
