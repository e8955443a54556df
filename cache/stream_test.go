package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

func TestReaderAtRules(t *testing.T) {
	s := newSource(chunkBytes + 10)
	_, r := newReaderOf(t, s, Options{})
	ctx := context.Background()
	for _, tc := range []struct {
		off  int64
		n    int
		want int
		err  error
	}{
		{0, 0, 0, nil},
		{chunkBytes + 10, 0, 0, nil},
		{chunkBytes + 10, 1, 0, io.EOF},
		{chunkBytes + 9, 5, 1, io.EOF},
		{chunkBytes, 10, 10, nil},
		{chunkBytes - 1, 2, 2, nil},
		{-1, 1, 0, fs.ErrInvalid},
	} {
		n, err := r.ReadAt(ctx, make([]byte, tc.n), tc.off)
		if n != tc.want || !errors.Is(err, tc.err) {
			t.Errorf("read %d at %d: got %d, %v; want %d, %v", tc.n, tc.off, n, err, tc.want, tc.err)
		}
	}
}

func TestReaderIsSharedWhileOpen(t *testing.T) {
	s := newSource(10)
	c := New(Options{})
	o := Object{Key: Key{"a", "1"}, Size: 10, Open: s.open}
	a, b := c.Reader(o), c.Reader(o)
	if a != b {
		t.Error("two readers for one key")
	}
	_ = a.Close()
	s.check(t, b, 0, 10)
	_ = b.Close()
	if _, err := b.ReadAt(context.Background(), make([]byte, 1), 0); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("read after the last Close: %v", err)
	}
	if err := b.Close(); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("one Close too many: %v", err)
	}
	again := c.Reader(o)
	defer func() { _ = again.Close() }()
	s.check(t, again, 0, 10)
	wantCount(t, "opens", s.opens.Load(), 1)
}

func TestStreamRunsAheadByItsWindowOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(64 << 20)
		_, r := newReaderOf(t, s, Options{MemoryBytes: 16 << 20})
		window := int64(2 * chunkBytes)
		for off := int64(0); off < 16<<20; off += chunkBytes {
			s.check(t, r, off, chunkBytes)
			synctest.Wait()
			wantCount(t, "bytes ahead", s.served.Load()-off-chunkBytes, window)
			window = min(2*window, 4<<20)
		}
		wantCount(t, "opens", s.opens.Load(), 1)
	})
}

func TestIdleStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(64 << 20)
		_, r := newReaderOf(t, s, Options{})
		s.check(t, r, 0, 10)
		time.Sleep(4 * time.Second)
		s.check(t, r, 10, 10)
		time.Sleep(4 * time.Second)
		wantCount(t, "bodies before the idle time", s.bodies.Load(), 1)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		wantCount(t, "bodies after it", s.bodies.Load(), 0)
		r.wg.Wait()
		s.check(t, r, 8<<20, 10)
	})
}

func TestIdleTimeEndsStalledStreamThatNobodyWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1 << 20)
		s.stall = make(chan struct{})
		_, r := newReaderOf(t, s, Options{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := r.ReadAt(ctx, make([]byte, 1), 0)
		if !errors.Is(err, context.DeadlineExceeded) || time.Now().Second() != 0 {
			t.Errorf("%v at %v", err, time.Now())
		}
		wantCount(t, "bodies while somebody waited", s.bodies.Load(), 1)
		time.Sleep(6 * time.Second)
		wantCount(t, "bodies", s.bodies.Load(), 0)
	})
}

func TestCancelledWaiterLeavesAndOthersGetData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1 << 20)
		s.stall = make(chan struct{})
		_, r := newReaderOf(t, s, Options{})
		ctx, cancel := context.WithCancel(context.Background())
		left := make(chan error)
		go func() {
			_, err := r.ReadAt(ctx, make([]byte, 300_000), 0)
			left <- err
		}()
		got := make(chan struct{})
		go func() {
			s.check(t, r, 0, 300_000)
			close(got)
		}()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
		close(s.stall)
		<-got
		wantCount(t, "opens", s.opens.Load(), 1)
	})
}

func TestStalledStreamDoesNotBlockCachedBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(8 << 20)
		s.stall, s.stallFrom = make(chan struct{}), 4<<20
		_, r := newReaderOf(t, s, Options{})
		s.check(t, r, 0, chunkBytes)
		go func() { _, _ = r.ReadAt(context.Background(), make([]byte, 1), 6<<20) }()
		synctest.Wait()
		s.check(t, r, 0, chunkBytes)
		wantCount(t, "bodies", s.bodies.Load(), 2)
	})
}

func TestCloseFailsWaitersAndLeavesNoGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(64 << 20)
		s.stall, s.stallFrom = make(chan struct{}), 1
		c := New(Options{})
		r := c.Reader(s.object())
		s.check(t, r, 0, 10) // leaves a paused stream
		failed := make(chan error)
		go func() {
			_, err := r.ReadAt(context.Background(), make([]byte, 1), 32<<20)
			failed <- err
		}()
		synctest.Wait()
		closed := make(chan error)
		go func() { closed <- r.Close() }()
		if err := <-failed; !errors.Is(err, fs.ErrClosed) {
			t.Errorf("waiter got %v", err)
		}
		if err := <-closed; err != nil {
			t.Error(err)
		}
		wantCount(t, "bodies", s.bodies.Load(), 0)
		wantCount(t, "streams", c.live.Load(), 0)
	}) // and fails if a goroutine is left
}

type refused struct{}

func (refused) Error() string   { return "refused" }
func (refused) Permanent() bool { return true }

func TestPermanentErrorFailsAtOnceAndIsNotCached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1 << 20)
		var down atomic.Bool
		down.Store(true)
		s.fail = func() error {
			if down.Load() {
				return fmt.Errorf("get image: %w", refused{})
			}
			return nil
		}
		_, r := newReaderOf(t, s, Options{})
		start := time.Now()
		_, err := r.ReadAt(context.Background(), make([]byte, 1), 500_000)
		if !errors.As(err, new(refused)) || err.Error() != "read id at 393216: get image: refused" {
			t.Errorf("got %v", err)
		}
		wantCount(t, "opens", s.opens.Load(), 1)
		if waited := time.Since(start); waited != 0 {
			t.Errorf("waited %v", waited)
		}
		down.Store(false)
		if _, again := r.ReadAt(context.Background(), make([]byte, 1), 500_000); again == nil || s.opens.Load() != 1 {
			t.Errorf("asked again at once: %v, %d opens", again, s.opens.Load())
		}
		time.Sleep(2 * afterFailure)
		s.check(t, r, 500_000, 1)
	})
}

func TestOtherErrorIsTriedSomeTimes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(1 << 20)
		s.fail = func() error { return errInjected }
		_, r := newReaderOf(t, s, Options{})
		for round := range int64(2) {
			_, err := r.ReadAt(context.Background(), make([]byte, 1), 0)
			if !errors.Is(err, errInjected) {
				t.Errorf("got %v", err)
			}
			wantCount(t, "opens", s.opens.Load(), maxTries*(round+1))
			time.Sleep(2 * afterFailure)
		}
	})
}

func TestTriesInVainEndWithThePatience(t *testing.T) {
	const patience = 2 * time.Second
	for what, fail := range map[string]func(*source){
		"at once": func(s *source) { s.fail = func() error { return errInjected } },
		"late":    func(s *source) { s.fail = func() error { time.Sleep(patience); return errInjected } },
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSource(1 << 20)
			fail(s)
			_, r := newReaderOf(t, s, Options{Patience: patience})
			start := time.Now()
			_, err := r.ReadAt(context.Background(), make([]byte, 1), 0)
			if waited := time.Since(start); !errors.Is(err, errInjected) || waited > patience {
				t.Errorf("%s: got %v after %v, want that within %v", what, err, waited, patience)
			}
		})
	}
}

// What a source has lost stays lost, but a connection that breaks is another one soon.
func TestBrokenBodyIsAskedForAgainSoonerThanAShortOne(t *testing.T) {
	for _, row := range []struct {
		end  error // of a body that gives nothing
		wait time.Duration
	}{{io.ErrUnexpectedEOF, afterFailure}, {io.EOF, afterShort}} {
		synctest.Test(t, func(t *testing.T) {
			s := newSource(1 << 20)
			broken := true
			open := func(ctx context.Context, off, n int64) (Body, error) {
				body, err := s.open(ctx, off, n)
				if broken {
					body.ReadCloser = struct {
						io.Reader
						io.Closer
					}{iotest.ErrReader(row.end), body}
				}
				return body, err
			}
			r := New(Options{}).Reader(Object{Key: Key{"id", "1"}, Size: 1 << 20, Open: open})
			defer func() { _ = r.Close() }()
			read := func() error {
				_, err := r.ReadAt(context.Background(), make([]byte, 1), 500_000)
				return err
			}
			if err := read(); !errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, ErrShort) != (row.end == io.EOF) {
				t.Errorf("body that ends with %v: %v", row.end, err)
			}
			broken = false
			time.Sleep(row.wait - time.Millisecond)
			if read() == nil {
				t.Errorf("body that ends with %v: asked for again in less than %v", row.end, row.wait)
			}
			time.Sleep(2 * time.Millisecond)
			if err := read(); err != nil {
				t.Errorf("body that ends with %v: %v after %v", row.end, err, row.wait)
			}
		})
	}
}

func TestProgressResetsTheCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2 * chunkBytes)
		open := func(ctx context.Context, off, n int64) (Body, error) {
			if s.opens.Load()%maxTries != maxTries-1 { // the fifth goes well, a little
				s.opens.Add(1)
				return Body{}, errInjected
			}
			body, err := s.open(ctx, off, n)
			body.ReadCloser = struct {
				io.Reader
				io.Closer
			}{io.LimitReader(body, 10_000), body}
			return body, err
		}
		r := New(Options{}).Reader(Object{Key: Key{"id", "1"}, Size: int64(len(s.data)), Open: open})
		s.check(t, r, 0, len(s.data))
		_ = r.Close()
	})
}

func TestBodyLongerThanAskedIsCut(t *testing.T) {
	s := newSource(3*chunkBytes + 7)
	s.extra = 1000
	c, r := newReaderOf(t, s, Options{})
	s.check(t, r, 2*chunkBytes+300, 10)
	s.checkAll(t, r, 100_000)
	p := bytes.Repeat([]byte{1}, 2*len(s.data))
	if n, err := r.ReadAt(context.Background(), p, 0); n != len(s.data) || err != io.EOF {
		t.Errorf("got %d, %v", n, err)
	}
	wantCount(t, "bytes cached", c.Stats().CachedBytes, r.Size())
}

func TestBodyThatStartsElsewhereIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(2 << 20)
		open := func(ctx context.Context, off, n int64) (Body, error) {
			body, err := s.open(ctx, off, n)
			body.Start++
			return body, err
		}
		r := New(Options{}).Reader(Object{Key: Key{"id", "1"}, Size: int64(len(s.data)), Open: open})
		if _, err := r.ReadAt(context.Background(), make([]byte, 1), 1<<20); err == nil {
			t.Error("no error")
		}
		_ = r.Close()
		wantCount(t, "bodies", s.bodies.Load(), 0)
	})
}

func TestMemoryIsBoundedOverAllObjects(t *testing.T) {
	const bound = leastMemory + 100
	c := New(Options{MemoryBytes: bound})
	for i := range 4 {
		s := newSource(5*chunkBytes + 1000)
		r := c.Reader(Object{Key: Key{fmt.Sprint(i), fmt.Sprint(i)}, Size: int64(len(s.data)), Open: s.open})
		s.checkAll(t, r, 1000)
		_ = r.Close()
		if held := c.Stats().CachedBytes; held > bound {
			t.Errorf("%d bytes cached", held)
		}
	}
	if c.Stats().Evictions == 0 {
		t.Error("no evictions")
	}
}
