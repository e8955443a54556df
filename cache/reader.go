package cache

import (
	"context"
	"errors"
	"fmt"
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
	sweep   sweep
	streams []*stream       // those that can still be asked
	waits   map[int64]*wait // by chunk
	fetches []*fetch        // under way
	failed  failure
	passes  int // over a source without ranges
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

// read adds len(p) bytes, which lie within the object, to a view.
func (r *Reader) read(ctx context.Context, v *View, p []byte, off int64) error {
	d := demand{readEnd: off + int64(len(p))}
	for {
		err := r.readBatch(ctx, &d, v, p[v.size:], off+int64(v.size))
		switch {
		case errors.Is(err, errNotOnDisk):
			d.fresh, err = true, nil
		case errors.Is(err, errAgain):
			err = ctx.Err()
		}
		if err != nil || v.size == len(p) {
			return err
		}
	}
}

// readBatch adds the first chunks of what is wanted, from off on.
func (r *Reader) readBatch(ctx context.Context, d *demand, v *View, p []byte, off int64) error {
	var parts [batchChunks]part
	first := off / chunkBytes
	last := min((off+int64(len(p))-1)/chunkBytes, first+batchChunks-1)
	d.off, d.end = off, min(off+int64(len(p)), (last+1)*chunkBytes)
	batch := parts[:last-first+1]
	own, err := r.demand(d, batch)
	if err != nil {
		return err
	}
	r.carry(ctx, own)
	return r.collect(ctx, batch, v, p[:d.end-off], off)
}

// collect adds the parts to the view when the last of them has come, which spares waking
// the reader for each.
func (r *Reader) collect(ctx context.Context, batch []part, v *View, p []byte, off int64) error {
	for j := len(batch) - 1; j >= 0; j-- {
		batch[j].await(ctx)
	}
	if off/chunkBytes+int64(len(batch)) == r.chunks {
		if err := r.pass.await(ctx); err != nil {
			r.leave(batch)
			return err
		}
	}
	for j := range batch {
		i, at := off/chunkBytes, off%chunkBytes
		n := min(int64(len(p)), chunkBytes-at)
		if err := batch[j].addTo(ctx, r, v, p[:n], i, at); err != nil {
			r.leave(batch[j:])
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
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
		for _, f := range r.fetches {
			if f.cancel != nil {
				f.cancel()
			}
		}
		r.mu.Unlock()
		r.cancel()
		r.wg.Wait()
		r.pass.stop()
		r.closeDisk()
	})
}

func (r *Reader) chunkKey(i int64) chunkKey { return chunkKey{r.key.Content, i} }

func (r *Reader) chunkLen(i int64) int64 { return min(chunkBytes, r.size-i*chunkBytes) }
