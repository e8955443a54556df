package fs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/spool"
)

var errSalvaged = errors.New("what was written has been moved to lost+found")

// content is the bytes of a draft: what was written, over what is stored, over zeros.
// Its methods may be called at once; those that change it one at a time.
type content struct {
	name  string // for the spool
	spool *spool.Dir

	mu        sync.RWMutex  // held for reading while bytes are read
	base      *cache.Reader // of what is stored; nil for nothing
	baseEnd   int64         // bytes of base that are still the file's
	written   *spool.File   // nil before the first write, and when there was no room
	unspooled error         // why written was given up: what came later is nowhere but on its way
	size      atomic.Int64  // bytes; set with mu held
	over      bool          // nothing is here any more
}

// readAt reads as io.ReaderAt does.
func (c *content) readAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.over {
		return 0, errRetired
	}
	for n < len(p) && off < c.size.Load() {
		end, from := c.origin(off, min(off+int64(len(p)-n), c.size.Load()))
		part := p[n : n+int(end-off)]
		if err := c.readFrom(ctx, from, part, off); err != nil {
			return n, err
		}
		n, off = n+len(part), end
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// origin is where bytes of a content come from.
type origin int

const (
	fromNowhere origin = iota // zeros
	fromSpool
	fromBase
)

// origin returns where the bytes from off on come from, and up to where, at most to end.
func (c *content) origin(off, end int64) (int64, origin) {
	if c.written != nil {
		to, written := c.written.Extent(off, end)
		if written {
			return to, fromSpool
		}
		end = to
	}
	if off < c.baseEnd {
		return min(end, c.baseEnd), fromBase
	}
	return end, fromNowhere
}

func (c *content) readFrom(ctx context.Context, from origin, p []byte, off int64) error {
	switch {
	case from == fromSpool:
		_, err := c.written.ReadAt(p, off)
		return err
	case from == fromBase:
		if _, err := c.base.ReadAt(ctx, p, off); err != nil {
			return explain(err, c.base.Size())
		}
		return nil
	case c.unspooled != nil:
		return c.unspooled
	}
	clear(p)
	return nil
}

// write puts p over what is there. If it fails, for want of room or because the disk does,
// nothing changes.
func (c *content) write(p []byte, off int64) error {
	f, err := c.file()
	if err != nil {
		return err
	}
	if _, err := f.WriteAt(p, off); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size.Store(max(c.size.Load(), off+int64(len(p))))
	return nil
}

// file returns the spool file, which is made with the first write.
func (c *content) file() (*spool.File, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.over: // an upload that has failed may still be reading its body
		return nil, errRetired
	case c.unspooled != nil:
		return nil, c.unspooled
	case c.written != nil:
		return c.written, nil
	}
	var err error
	c.written, err = c.spool.Create(c.name)
	return c.written, err
}

// giveUp lets go of what was written, of which everything was sent, because no more can be
// kept.
func (c *content) giveUp(cause error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropWritten()
	c.unspooled = fmt.Errorf("the file is only uploaded as it is written, in order: %w", cause)
}

// extend counts bytes up to an offset that are only sent.
func (c *content) extend(to int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.size.Store(max(c.size.Load(), to))
}

// zero makes a range zeros that were written.
func (c *content) zero(off, end int64) error {
	f, err := c.file()
	if err != nil {
		return err
	}
	return f.Zero(off, end)
}

func (c *content) truncate(size int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.unspooled != nil && size > 0 && size < c.size.Load() {
		return c.unspooled
	}
	if c.written != nil && size < c.size.Load() {
		if err := c.written.Truncate(size); err != nil {
			return err
		}
	}
	c.size.Store(size)
	if c.baseEnd = min(c.baseEnd, size); c.baseEnd == 0 {
		c.dropBase()
	}
	if size == 0 {
		c.unspooled = nil
	}
	return nil
}

// length returns the size in bytes.
func (c *content) length() int64 { return c.size.Load() }

// run returns where the bytes end that were written from off on.
func (c *content) run(off int64) int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.written == nil || off >= c.size.Load() {
		return off
	}
	if to, written := c.written.Extent(off, c.size.Load()); written {
		return to
	}
	return off
}

// nextRun returns where the next bytes begin, before end, that were written after off.
func (c *content) nextRun(off, end int64) int64 {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.written == nil {
		return end
	}
	to, _ := c.written.Extent(off, end)
	return to
}

// isSpooled tells whether nothing is lost when an upload breaks.
func (c *content) isSpooled() bool { return c.whyUnspooled() == nil }

// whyUnspooled returns why what was written is not kept; nil if it is.
func (c *content) whyUnspooled() error {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.unspooled
}

// rebase makes base, of which the server has all the bytes, what lies below; what was written stays
// above it if it is all of them.
func (c *content) rebase(base *cache.Reader) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropBase()
	c.unspooled = nil
	c.base, c.baseEnd = base, c.size.Load()
	switch {
	case c.written == nil:
	case c.written.Whole(c.size.Load()):
		c.written.Stored()
	default:
		c.dropWritten()
	}
}

// take gives the file with all that was written away, if it holds everything.
func (c *content) take() *spool.File {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.written
	if f == nil || !f.Whole(c.size.Load()) {
		return nil
	}
	c.written = nil
	return f
}

// salvage moves what was written to where its user finds it.
func (c *content) salvage() (path string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.written == nil {
		return "", nil
	}
	path, err = c.written.Lose(c.size.Load())
	c.written, c.unspooled = nil, errSalvaged
	return path, err
}

// release lets go of everything.
func (c *content) release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dropBase()
	c.dropWritten()
	c.over = true
}

func (c *content) dropBase() {
	if c.base != nil {
		_ = c.base.Close() // it has nothing to lose
	}
	c.base, c.baseEnd = nil, 0
}

func (c *content) dropWritten() {
	if c.written != nil {
		_ = c.written.Close() // nobody wants it any more
	}
	c.written = nil
}

// body returns the content from its start on, for an upload. What comes from the base is
// kept as it is read: for the next try, and for who reads the image back.
func (c *content) body(ctx context.Context) io.ReadSeeker {
	return io.NewSectionReader(kept{c, ctx}, 0, c.length())
}

type kept struct {
	*content
	ctx context.Context
}

func (k kept) ReadAt(p []byte, off int64) (int, error) {
	n, err := k.readAt(k.ctx, p, off)
	k.keepBase(p[:n], off)
	return n, err
}

// keepBase writes what of p came from the base, but leaves room for others: the bytes
// are still where they were.
func (c *content) keepBase(p []byte, off int64) {
	f, err := c.file()
	if err != nil {
		return
	}
	for end := off + int64(len(p)); off < end; {
		to, written := f.Extent(off, end)
		if part := p[:to-off]; !written {
			switch {
			case isZero(part):
				err = f.Zero(off, to)
			case c.spool.IsSpacious():
				_, err = f.WriteAt(part, off)
			default:
				return
			}
			if err != nil {
				return
			}
		}
		p, off = p[to-off:], to
	}
}

func isZero(p []byte) bool {
	for len(p) > 0 {
		n := min(len(p), len(zeros))
		if !bytes.Equal(p[:n], zeros[:n]) {
			return false
		}
		p = p[n:]
	}
	return true
}
