package cache

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

var errInjected = errors.New("injected")

// source is a server of one object, with the faults that are asked for.
type source struct {
	data      []byte
	whole     bool          // ignores ranges
	extra     int           // junk bytes after what was asked
	faults    *rand.Rand    // nil: none; guarded by mu
	fail      func() error  // before each open; nil: none
	stall     chan struct{} // bodies give nothing until it is closed; nil: they do
	stallFrom int64         // only bodies that start here or later

	opens, served atomic.Int64
	bodies        atomic.Int64 // open now

	mu sync.Mutex
}

// random is what all objects begin with.
var random = sync.OnceValue(func() []byte {
	data := make([]byte, 64<<20)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(data)
	return data
})

// tiled is random over and over.
var tiled = sync.OnceValue(func() []byte { return bytes.Repeat(random(), 8) })

func newSource(size int) *source { return &source{data: random()[:size]} }

func (s *source) open(ctx context.Context, off, n int64) (Body, error) {
	s.opens.Add(1)
	if s.fail != nil {
		if err := s.fail(); err != nil {
			return Body{}, err
		}
	}
	if s.whole {
		off, n = 0, -1
	}
	data := s.data[off:]
	if n >= 0 {
		data = data[:n]
	}
	if s.extra > 0 {
		data = append(bytes.Clone(data), make([]byte, s.extra)...)
	}
	b := &body{s: s, ctx: ctx, off: off, data: data, end: io.EOF}
	if s.faults != nil {
		if err := s.spoil(b); err != nil {
			return Body{}, err
		}
	}
	s.bodies.Add(1)
	return Body{ReadCloser: b, Start: off, Whole: s.whole}, nil
}

// spoil lets one of three opens go well.
func (s *source) spoil(b *body) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.faults.IntN(6) {
	case 0:
		return errInjected
	case 1, 2:
		b.end = errInjected
		fallthrough
	case 3:
		b.data = b.data[:s.faults.IntN(len(b.data)+1)]
	}
	return nil
}

type body struct {
	s      *source
	ctx    context.Context
	off    int64
	data   []byte
	end    error
	closed bool
}

func (b *body) Read(p []byte) (int, error) {
	if b.closed {
		panic("read after close")
	}
	if b.s.stall != nil && b.off >= b.s.stallFrom {
		select {
		case <-b.s.stall:
		case <-b.ctx.Done():
		}
	}
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	if len(b.data) == 0 {
		return 0, b.end
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	b.s.served.Add(int64(n))
	return n, nil
}

func (b *body) Close() error {
	if !b.closed {
		b.s.bodies.Add(-1)
	}
	b.closed = true
	return nil
}

func (s *source) object() Object {
	return Object{Key: Key{"id", "1"}, Size: int64(len(s.data)), Open: s.open}
}

// newReaderOf opens s in a new cache; the end of the test closes it.
func newReaderOf(t testing.TB, s *source, opts Options) (*Cache, *Reader) {
	c := New(opts)
	r := c.Reader(s.object())
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if n := s.bodies.Load(); n != 0 {
			t.Errorf("%d bodies open after Close", n)
		}
	})
	return c, r
}

// check reads n bytes at off and compares.
func (s *source) check(t testing.TB, r *Reader, off int64, n int) {
	t.Helper()
	p := make([]byte, n)
	got, err := r.ReadAt(context.Background(), p, off)
	want := s.data[min(off, int64(len(s.data))):min(off+int64(n), int64(len(s.data)))]
	if len(want) < n && err == io.EOF {
		err = nil
	}
	if err != nil || !bytes.Equal(p[:got], want) {
		t.Fatalf("read %d at %d: got %d bytes, want %d, equal %v, error %v",
			n, off, got, len(want), bytes.Equal(p[:got], want), err)
	}
}

// checkAll reads everything in steps of n.
func (s *source) checkAll(t testing.TB, r *Reader, n int) {
	for off := 0; off < len(s.data); off += n {
		s.check(t, r, int64(off), n)
	}
}

func wantCount(t testing.TB, what string, got, want int64) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %d, want %d", what, got, want)
	}
}
