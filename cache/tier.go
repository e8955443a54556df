package cache

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"github.com/visorfs/visorfs/cache/disk"
)

const (
	// queuedWrites is how many chunks may wait to be written to disk, if they are no
	// more than an eighth of the memory: 8 MiB.
	queuedWrites = 64

	// patience is how long a stream waits for the disk to take a chunk. It isn't cached
	// there then: reading goes on at the speed of the source.
	patience = 100 * time.Millisecond
)

// errNotOnDisk is the cause when the disk turns out not to have what it had.
var errNotOnDisk = errors.New("not on disk any more")

// tier is the disk below the memory: a store, and the goroutines that write to it and
// look through what is complete.
type tier struct {
	store  *disk.Store
	queue  chan func()  // what is to be done on disk, in order
	audits chan *Reader // whose object became whole; each holds a use of its object
	ctx    context.Context
	cancel context.CancelFunc
	writer sync.WaitGroup
	audit  sync.WaitGroup
}

func newTier(store *disk.Store, memory int64) *tier {
	queued := min(queuedWrites, memory/8/chunkBytes)
	t := &tier{store: store, queue: make(chan func(), queued), audits: make(chan *Reader, 16)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.writer.Go(func() {
		for do := range t.queue {
			do()
		}
	})
	t.audit.Go(t.auditAll)
	return t
}

// close ends the audits, does what is queued, and closes the store. All readers have been
// closed.
func (t *tier) close() error {
	t.cancel()
	t.audit.Wait()
	close(t.queue)
	t.writer.Wait()
	return t.store.Close()
}

// spill hands bytes to the disk. The caller keeps its hold of c.
func (r *Reader) spill(data []byte, c *chunk, off int64) {
	if r.disk == nil || r.disk.Has(off, int64(len(data))) {
		return
	}
	if c != nil {
		c.hold()
	}
	write := func() {
		r.disk.WriteAt(data, off)
		c.release()
		r.auditIfWhole()
	}
	select {
	case r.cache.tier.queue <- write:
		return
	default:
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case r.cache.tier.queue <- write:
	case <-timer.C:
		r.cache.counts.notWritten.Add(1)
		c.release()
	}
}

// closeDisk ends the use of the object when what is queued of it has been written.
func (r *Reader) closeDisk() {
	if r.disk != nil {
		r.cache.tier.queue <- r.disk.Close
	}
}

// onDisk tells whether the bytes are there; ReadAt may still find them damaged.
func (r *Reader) onDisk(lo, hi int64) bool { return r.disk != nil && r.disk.Has(lo, hi-lo) }

func (r *Reader) readDisk(dst []byte, off int64) error {
	if !r.disk.ReadAt(dst, off) {
		return errNotOnDisk
	}
	return nil
}

// forget drops what is cached of the object.
func (r *Reader) forget() {
	r.cache.counts.corrupt.Add(1)
	r.cache.memory.forget(r.key.Content, r.chunks)
	if r.disk != nil {
		r.cache.tier.queue <- r.disk.Drop // after what is queued of it
	}
}

// auditIfWhole has the object looked through, if all of it is on disk and it isn't known
// to be right yet.
func (r *Reader) auditIfWhole() {
	if r.md5 == "" || !r.disk.Whole() || r.disk.Verified() && r.disk.Believed() || !r.auditing.CompareAndSwap(false, true) {
		return
	}
	use, err := r.cache.tier.store.Object(r.key.Content, r.size)
	if err != nil {
		r.auditing.Store(false)
		return
	}
	select {
	case r.cache.tier.audits <- r:
	default: // later, when it is opened again
		use.Close()
		r.auditing.Store(false)
	}
}

func (t *tier) auditAll() {
	for {
		select {
		case r := <-t.audits:
			r.audit(t.ctx)
			r.disk.Close()
			r.auditing.Store(false)
		case <-t.ctx.Done():
			return
		}
	}
}

// audit compares what is on disk with what it should be: with the MD5, or, where that has
// been done, with the checksums of the pages. What is wrong is dropped.
func (r *Reader) audit(ctx context.Context) {
	if r.disk.Verified() {
		r.disk.Check(ctx)
		return
	}
	epoch := r.disk.Epoch()
	sum, err := r.hashDisk(ctx)
	switch {
	case err != nil:
	case sum == r.md5:
		r.cache.counts.verified.Add(1)
		r.disk.SetVerified(epoch)
	default:
		r.cache.opts.Logger.Error("the cached bytes of an image are not those that its checksum tells; dropped them", "id", r.key.ID)
		r.forget()
	}
}

func (r *Reader) hashDisk(ctx context.Context) (string, error) {
	h := md5.New()
	buffer := make([]byte, 1<<20)
	for off := int64(0); off < r.size; {
		p := buffer[:min(int64(len(buffer)), r.size-off)]
		if !r.disk.ReadAt(p, off) {
			return "", errNotOnDisk
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		h.Write(p)
		off += int64(len(p))
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Backing returns a file with the bytes of the object, if all of them are on disk and
// known to be right. It stays as it is until release.
func (r *Reader) Backing() (f *os.File, release func(), ok bool) {
	if r.disk == nil {
		return nil, nil, false
	}
	f, release, ok = r.disk.Backing()
	if !ok {
		r.auditIfWhole()
	}
	return f, release, ok
}

// SeekData returns the first byte at or after off that may be other than zero, and
// SeekHole the first that is known to be zero, as lseek does: io.EOF at the end.
func (r *Reader) SeekData(off int64) (int64, error) {
	for off < r.size {
		zero, end := r.zeroRun(off)
		if !zero {
			return off, nil
		}
		off = end
	}
	return 0, io.EOF
}

// SeekHole is described at SeekData. The end of the object is a hole.
func (r *Reader) SeekHole(off int64) (int64, error) {
	if off >= r.size {
		return 0, io.EOF
	}
	for off < r.size {
		zero, end := r.zeroRun(off)
		if zero {
			return off, nil
		}
		off = end
	}
	return r.size, nil
}

func (r *Reader) zeroRun(off int64) (bool, int64) {
	if r.disk == nil {
		return false, r.size
	}
	return r.disk.ZeroRun(off)
}
