package cache

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// sum is the MD5 of what s serves.
func (s *source) sum() string {
	sum := md5.Sum(s.data)
	return hex.EncodeToString(sum[:])
}

// readAll reads the whole of r in steps, and returns the first error.
func readAll(r *Reader, step int) error {
	p := make([]byte, step)
	for off := int64(0); off < r.Size(); off += int64(step) {
		if _, err := r.ReadAt(context.Background(), p, off); err != nil && err != io.EOF {
			return fmt.Errorf("at %d: %w", off, err)
		}
	}
	return nil
}

// verifyModes are ways in which a pass can come.
func verifyModes() map[string]Options {
	far := func() time.Duration { return time.Second }
	return map[string]Options{
		"one stream":    {},
		"lanes":         {RoundTrip: far},
		"little memory": {MemoryBytes: 2 * chunkBytes},
		"always":        {MemoryBytes: 1 << 20, Verify: VerifyAlways},
	}
}

// inEachMode has an object read whose MD5 is said to be sum, or the right one if that is "".
func inEachMode(t *testing.T, sum string, read func(t *testing.T, mode string, c *Cache, r *Reader)) {
	for mode, opts := range verifyModes() {
		for _, whole := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/whole=%v", mode, whole), func(t *testing.T) {
				s := newSource(16<<20 + 77)
				s.whole = whole
				o := s.object()
				if o.MD5 = sum; sum == "" {
					o.MD5 = s.sum()
				}
				c := New(opts)
				r := c.Reader(o)
				defer func() { _ = r.Close() }()
				read(t, mode, c, r)
			})
		}
	}
}

func TestWholePassIsComparedWithTheMD5(t *testing.T) {
	inEachMode(t, "", func(t *testing.T, mode string, c *Cache, r *Reader) {
		if err := readAll(r, 300_000); err != nil {
			t.Error(err)
		}
		if got := c.Stats(); got.Corrupt != 0 || got.Verified == 0 && mode != "little memory" {
			t.Errorf("verified %d, corrupt %d", got.Verified, got.Corrupt)
		}
	})
}

func TestPassWithAnotherMD5FailsAtItsEndAndIsForgotten(t *testing.T) {
	inEachMode(t, "00000000000000000000000000000000", func(t *testing.T, _ string, c *Cache, r *Reader) {
		for range 2 {
			if err := readAll(r, 300_000); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("got %v", err)
			}
			if kept := c.Stats().CachedBytes; kept > 3*chunkBytes {
				t.Errorf("%d bytes are kept", kept)
			}
		}
	})
}

// The kernel asks twice for what it failed to read ahead. The pass that the second question
// begins says nothing about the bytes before, which the program has.
func TestNextPassDoesNotMakeABadOneGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSource(4 << 20)
		s.whole = true
		o := s.object()
		o.MD5 = s.sum()
		good := o.Open
		first := true
		o.Open = func(ctx context.Context, off, n int64) (Body, error) {
			body, err := good(ctx, off, n)
			if err == nil && first {
				first = false
				body.ReadCloser = &flipped{ReadCloser: body.ReadCloser}
			}
			return body, err
		}
		r := New(Options{}).Reader(o)
		defer func() { _ = r.Close() }()
		if err := readAll(r, 300_000); !errors.Is(err, ErrCorrupt) {
			t.Errorf("bad pass: %v", err)
		}
		last := func() error {
			_, err := r.ReadAt(context.Background(), make([]byte, 1), s.object().Size-1)
			return err
		}
		if err := last(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("its end, asked for again: %v", err)
		}
		time.Sleep(afterCorrupt + time.Millisecond)
		if err := errors.Join(readAll(r, 300_000), last()); err != nil {
			t.Errorf("good pass later: %v", err)
		}
	})
}

// flipped is a body with its first byte changed.
type flipped struct {
	io.ReadCloser
	begun bool
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 0 && !f.begun {
		f.begun = true
		p[0] ^= 1
	}
	return n, err
}

func TestVerifyNeverTrustsTheSource(t *testing.T) {
	s := newSource(4 << 20)
	o := s.object()
	o.MD5 = "00000000000000000000000000000000"
	r := New(Options{Verify: VerifyNever}).Reader(o)
	defer func() { _ = r.Close() }()
	if err := readAll(r, 300_000); err != nil {
		t.Error(err)
	}
}

func TestRandomReadsAreNotHeldUpByVerifying(t *testing.T) {
	s := newSource(8 << 20)
	o := s.object()
	o.MD5 = s.sum()
	c := New(Options{})
	r := c.Reader(o)
	defer func() { _ = r.Close() }()
	s.check(t, r, 0, 100)
	s.check(t, r, 8<<20-100, 100) // the last chunk, before those between
	s.check(t, r, 4<<20, 100)
	if got := c.Stats(); got.Verified != 0 || got.Corrupt != 0 {
		t.Errorf("%+v", got)
	}
}

// A pass that comes faster than it can be hashed is given up, at any moment.
func TestLargeObjectIsReadAtTheSpeedOfItsSource(t *testing.T) {
	s := newSource(24 << 20)
	for range 40 {
		o := s.object()
		o.MD5 = s.sum()
		c := New(Options{MemoryBytes: 1 << 20, waitBytes: 1})
		r := c.Reader(o)
		if err := readAll(r, 1<<20); err != nil {
			t.Error(err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if got := c.Stats(); got.Corrupt != 0 {
			t.Errorf("%+v", got)
		}
	}
}
