package cache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/visorfs/visorfs/cache/disk"
)

// batchChunks is how many chunks a read asks for at once: those that the kernel's
// largest READ, of 1 MiB, touches.
const batchChunks = 9

// Reader reads one object for all who have it open. Its methods may be called at once
// from many goroutines.
type Reader struct {
	cache  *Cache
	key    Key
	size   int64
	chunks int64
	md5    string
	open   OpenFunc
	disk   *disk.Object // nil for none
	pass   *verifier
	ctx    context.Context // parent of every stream's
	cancel context.CancelFunc
	wg     sync.WaitGroup // streams and fetches

	refs   int // guarded by cache.mu
	ending sync.Once

	auditing atomic.Bool // the tier looks through the object

	mu      sync.Mutex // before memory.mu and origin.mu
	closed  bool
	recent  history
	streams []*stream       // those that can still be asked
	waits   map[int64]*wait // by chunk
	fetches []*fetch        // under way
	failed  failure
}

func newReader(c *Cache, o Object) *Reader {
	r := &Reader{
		cache:  c,
		key:    o.Key,
		size:   o.Size,
		chunks: (o.Size + chunkBytes - 1) / chunkBytes,
		md5:    o.MD5,
		open:   o.Open,
		waits:  make(map[int64]*wait),
	}
	r.pass = newVerifier(r)
	r.ctx, r.cancel = context.WithCancel(context.Background())
	if c.tier != nil && !c.closed {
		object, err := c.tier.store.Object(o.Content, o.Size)
		if err != nil {
			c.opts.Logger.Warn("an image is not cached on disk", "id", o.ID, "err", err)
			return r
		}
		r.disk = object
	}
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
	d := r.plan(off, off+int64(len(p)))
	for n := 0; ; {
		m, err := r.readBatch(ctx, d, p[n:], off+int64(n))
		n += m
		switch {
		case errors.Is(err, errNotOnDisk):
			d.fresh, err = true, nil
		case errors.Is(err, errAgain):
			err = ctx.Err()
		}
		if err != nil || n == len(p) {
			return n, err
		}
	}
}

// readBatch reads the first chunks of what p is to be filled with, from off on.
func (r *Reader) readBatch(ctx context.Context, d demand, p []byte, off int64) (int, error) {
	var parts [batchChunks]part
	first := off / chunkBytes
	last := min((off+int64(len(p))-1)/chunkBytes, first+batchChunks-1)
	d.off, d.end = off, min(off+int64(len(p)), (last+1)*chunkBytes)
	batch := parts[:last-first+1]
	own, err := r.demand(d, batch)
	if err != nil {
		return 0, err
	}
	r.carry(ctx, own)
	return r.collect(ctx, batch, p[:d.end-off], off)
}

// collect copies the parts to p when the last of them has come, which spares waking the
// reader for each.
func (r *Reader) collect(ctx context.Context, batch []part, p []byte, off int64) (n int, err error) {
	for j := len(batch) - 1; j >= 0; j-- {
		batch[j].await(ctx)
	}
	if off/chunkBytes+int64(len(batch)) == r.chunks {
		if err := r.pass.await(ctx); err != nil {
			r.leave(batch)
			return 0, err
		}
	}
	for j := range batch {
		i, at := off/chunkBytes, off%chunkBytes
		m := min(int64(len(p)-n), chunkBytes-at)
		if err := batch[j].copyTo(ctx, r, p[n:n+int(m)], i, at); err != nil {
			r.leave(batch[j:])
			return n, err
		}
		batch[j].release()
		n, off = n+int(m), off+m
	}
	return n, nil
}

// Close ends one use of the Reader. The last one ends its streams and fetches, waits
// for them, and fails the reads that still wait with fs.ErrClosed.
func (r *Reader) Close() error {
	switch left := r.cache.release(r); {
	case left > 0:
		return nil
	case left < 0:
		return fmt.Errorf("close %s: %w", r.key.ID, fs.ErrClosed)
	}
	r.end()
	return nil
}

// end ends the streams and fetches, once.
func (r *Reader) end() {
	r.ending.Do(func() {
		r.mu.Lock()
		r.closed = true
		r.mu.Unlock()
		r.cancel()
		r.wg.Wait()
		r.pass.stop()
		r.closeDisk()
	})
}

func (r *Reader) chunkKey(i int64) chunkKey { return chunkKey{r.key.Content, i} }

func (r *Reader) chunkLen(i int64) int64 { return min(chunkBytes, r.size-i*chunkBytes) }
