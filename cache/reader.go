package cache

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"sync"
)

// batchChunks is how many chunks a read holds at once: 1 MiB, the kernel's largest READ.
const batchChunks = 8

// Reader reads one object for all who have it open. Its methods may be called at once
// from many goroutines.
type Reader struct {
	cache  *Cache
	key    Key
	size   int64
	chunks int64
	open   OpenFunc
	ctx    context.Context // parent of every stream's
	cancel context.CancelFunc
	wg     sync.WaitGroup // the streams' goroutines

	refs int // guarded by cache.mu

	mu      sync.Mutex // before memory.mu
	closed  bool
	recent  history
	streams []*stream       // those that can still be asked
	waits   map[int64]*wait // by chunk
	ranges  ranges
	failed  failure
	answer  chan struct{} // not nil while a request is out that will tell ranges; closed then
}

func newReader(c *Cache, k Key, size int64, open OpenFunc) *Reader {
	r := &Reader{
		cache:  c,
		key:    k,
		size:   size,
		chunks: (size + chunkBytes - 1) / chunkBytes,
		open:   open,
		waits:  make(map[int64]*wait),
	}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	return r
}

// Size returns the object's size in bytes.
func (r *Reader) Size() int64 { return r.size }

// ReadAt reads len(p) bytes from off, as io.ReaderAt does: fewer only with an error,
// which is io.EOF at the end of the object. It returns ctx's error as soon as ctx ends
// while it waits, fs.ErrClosed after the last Close, and otherwise what the source said.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, fmt.Errorf("read %s at %d: %w", r.key.ID, off, fs.ErrInvalid)
	case len(p) == 0:
		return 0, nil
	case off >= r.size:
		return 0, io.EOF
	}
	var atEnd error
	if left := r.size - off; int64(len(p)) > left {
		p, atEnd = p[:left], io.EOF
	}
	n, err := r.read(ctx, p, off)
	if err == nil {
		err = atEnd
	}
	return n, err
}

// read fills p, which lies within the object and isn't empty.
func (r *Reader) read(ctx context.Context, p []byte, off int64) (int, error) {
	var parts [batchChunks]part
	d := r.plan(off, off+int64(len(p)))
	for n := 0; ; {
		at := off + int64(n)
		d.first = at / chunkBytes
		batch := parts[:min(batchChunks, d.last-d.first+1)]
		if err := r.demand(d, batch); err != nil {
			return n, err
		}
		m, err := r.collect(ctx, batch, p[n:], at%chunkBytes)
		n += m
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// collect copies the parts to p as they come, leaving out the first skip bytes.
func (r *Reader) collect(ctx context.Context, batch []part, p []byte, skip int64) (n int, err error) {
	for i := range batch {
		data, err := batch[i].get(ctx)
		if err != nil {
			r.leave(batch[i:])
			return n, err
		}
		n += copy(p[n:], data[skip:])
		skip = 0
		batch[i] = part{}
	}
	return n, nil
}

// Close ends one use of the Reader. The last one ends its streams, waits for their
// goroutines, and fails the reads that still wait with fs.ErrClosed.
func (r *Reader) Close() error {
	switch left := r.cache.release(r); {
	case left > 0:
		return nil
	case left < 0:
		return fmt.Errorf("close %s: %w", r.key.ID, fs.ErrClosed)
	}
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.cancel()
	r.wg.Wait()
	return nil
}

func (r *Reader) chunkKey(i int64) chunkKey { return chunkKey{r.key, i} }

func (r *Reader) chunkLen(i int64) int64 { return min(chunkBytes, r.size-i*chunkBytes) }
