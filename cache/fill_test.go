package cache

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"testing"
)

func TestWhatWasFilledInIsReadWithoutASource(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int{1, 4096, chunkBytes - 1, chunkBytes, chunkBytes + 1, 3*chunkBytes + 17} {
		c := New(Options{MemoryBytes: 8 << 20})
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(rng.Uint32())
		}
		f := c.Fill()
		for rest := want; len(rest) > 0; {
			n := min(len(rest), 1+rng.IntN(2*chunkBytes))
			f.Write(rest[:n])
			rest = rest[n:]
		}
		key := Key{ID: "x", Content: "1"}
		f.Keep(key)
		r := c.Reader(Object{Key: key, Size: int64(size), Open: func(context.Context, int64, int64) (Body, error) {
			return Body{}, errors.New("the source was asked")
		}})
		got := make([]byte, size)
		if n, err := r.ReadAt(t.Context(), got, 0); n != size || err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: read %d, %v", size, n, err)
		}
		_ = r.Close()
	}
}

func TestLargeObjectIsNotFilledIn(t *testing.T) {
	c := New(Options{MemoryBytes: 1 << 20})
	f := c.Fill()
	for range 5 {
		f.Write(make([]byte, chunkBytes))
	}
	f.Keep(Key{Content: "x"})
	f = c.Fill()
	f.Write(make([]byte, 3*chunkBytes))
	f.Drop()
	if got := c.Stats().CachedBytes; got != 0 {
		t.Errorf("%d bytes are kept", got)
	}
}
