package cache

import (
	"context"
	"fmt"
	"io/fs"
	"slices"
)

// fetch is one request for just the bytes that a read misses. The read that meets the
// gap makes it, in its own goroutine; others that want the same wait for it.
type fetch struct {
	lo, hi int64         // bytes of the object; whole pages, but for the end of the object
	cancel func()        // what makes it; nil before. Guarded by Reader.mu
	done   chan struct{} // closed when data or err is set
	data   []byte
	err    error
}

// addTo adds the bytes [lo, hi) of the object to a view.
func (f *fetch) addTo(ctx context.Context, v *View, lo, hi int64) error {
	select {
	case <-f.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if f.err == nil {
		v.add(f.data[lo-f.lo : hi-f.lo])
	}
	return f.err
}

// fetching returns a fetch under way that brings all the bytes [lo, hi). r.mu is held.
func (r *Reader) fetching(lo, hi int64) *fetch {
	for _, f := range r.fetches {
		if f.lo <= lo && hi <= f.hi {
			return f
		}
	}
	return nil
}

// fetchToo adds the bytes [lo, hi) to what a read fetches itself. r.mu is held.
func (r *Reader) fetchToo(own *[]*fetch, lo, hi int64) *fetch {
	if n := len(*own); n > 0 && (*own)[n-1].hi == lo {
		f := (*own)[n-1]
		f.hi = hi
		return f
	}
	f := &fetch{lo: lo, hi: hi, done: make(chan struct{})}
	r.wg.Add(1) // under r.mu, and not when closed
	*own = append(*own, f)
	r.fetches = append(r.fetches, f)
	return f
}

// carry makes the requests of a read.
func (r *Reader) carry(ctx context.Context, own []*fetch) {
	if len(own) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for _, f := range own {
		if !r.mayCarry(f, cancel) {
			cancel()
		}
		data, err := r.request(ctx, f.lo, f.hi)
		r.finishFetch(ctx, f, data, err)
	}
}

// mayCarry has the last Close end the fetch, unless that was before.
func (r *Reader) mayCarry(f *fetch, cancel func()) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	f.cancel = cancel
	return !r.closed
}

// request fetches the bytes [lo, hi).
func (r *Reader) request(ctx context.Context, lo, hi int64) ([]byte, error) {
	f := feed{off: lo, count: &r.cache.counts.fetched, patience: r.cache.opts.Patience}
	f.open = func() (Body, error) { return r.ask(ctx, f.off, hi-f.off) }
	defer f.close()
	data := make([]byte, hi-lo)
	if err := f.fill(ctx, data); err != nil {
		return nil, fmt.Errorf("read %s at %d: %w", r.key.ID, f.off, err)
	}
	return data, nil
}

// finishFetch keeps what was fetched, and lets go of those who wait for it.
func (r *Reader) finishFetch(ctx context.Context, f *fetch, data []byte, err error) {
	if err == nil {
		r.keepPages(f.lo, data)
	}
	defer r.wg.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fetches = slices.DeleteFunc(r.fetches, func(g *fetch) bool { return g == f })
	f.data, f.err = data, err
	switch {
	case err == nil:
	case r.closed:
		f.err = fs.ErrClosed
	case ctx.Err() != nil: // whoever else wants it asks for it
		f.err = errAgain
	default:
		for i := f.lo / chunkBytes; i*chunkBytes < f.hi; i++ {
			r.failed.add(i, err)
		}
	}
	close(f.done)
}

// keepPages puts bytes from lo on into memory and on disk.
func (r *Reader) keepPages(lo int64, data []byte) {
	for len(data) > 0 {
		i, at := lo/chunkBytes, lo%chunkBytes
		n := min(int64(len(data)), r.chunkLen(i)-at)
		if n == r.chunkLen(i) {
			c := r.cache.memory.buffer(n)
			copy(c.data, data)
			r.keep(i, c, false)
			c.release()
		} else {
			r.cache.memory.addPages(r.chunkKey(i), at/pageBytes, data[:n:n])
			r.spill(data[:n:n], nil, lo)
		}
		data, lo = data[n:], lo+n
	}
}
