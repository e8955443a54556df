package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// buffers are of a chunk each, for what is checked in other bounds than it is read in.
var buffers = sync.Pool{New: func() any { return new([ChunkBytes]byte) }}

var errSum = errors.New("wrong checksum")

// ReadAt fills p with the bytes at off and reports true, or reports false: then some of
// them aren't there, and p has anything. A page that this process has neither written
// nor checked is checked first; if it is damaged, its chunk is discarded.
func (o *Object) ReadAt(p []byte, off int64) bool {
	if off < 0 || int64(len(p)) > o.size-off {
		return false
	}
	now := tick(o.store.now())
	for len(p) > 0 {
		i := off / ChunkBytes
		n := min(int64(len(p)), (i+1)*ChunkBytes-off)
		if !o.readChunk(p[:n], off) {
			return false
		}
		o.touch(i, now)
		p, off = p[n:], off+n
	}
	return true
}

// readChunk is ReadAt of bytes of one chunk. It discards the chunk if they are damaged.
func (o *Object) readChunk(p []byte, off int64) bool {
	ok, err := o.tryRead(p, off)
	switch {
	case err == nil:
		return ok
	case errors.Is(err, fs.ErrClosed): // by the last Close
		return false
	}
	o.discard(off/ChunkBytes, err)
	return false
}

// tryRead fails if the bytes are damaged.
func (o *Object) tryRead(p []byte, off int64) (ok bool, err error) {
	i := off / ChunkBytes
	lock := &o.reading[i%stripes]
	lock.RLock()
	defer lock.RUnlock()
	c, f := o.chunk(i), o.files.Load()
	if c == nil || f == nil {
		return false, nil
	}
	first := off / PageBytes
	wanted := mask(first%chunkPages, pagesOf(off+int64(len(p)))-first)
	if c.present.Load()&wanted != wanted {
		return false, nil
	}
	if unchecked := wanted &^ c.believed.Load(); unchecked != 0 {
		return true, o.readChecked(f, p, off, unchecked)
	}
	_, err = f.data.ReadAt(p, off)
	return true, err
}

// readChecked reads whole pages, checks those in unchecked, and believes them from then on.
// It is called with the chunk locked.
func (o *Object) readChecked(f *files, p []byte, off int64, unchecked uint32) error {
	first, end := off/PageBytes, pagesOf(off+int64(len(p)))
	start, stop := first*PageBytes, min(end*PageBytes, o.size)
	whole := p
	if stop-start != int64(len(p)) {
		buffer := buffers.Get().(*[ChunkBytes]byte)
		defer buffers.Put(buffer)
		whole = buffer[:stop-start]
	}
	if _, err := f.data.ReadAt(whole, start); err != nil {
		return err
	}
	if err := o.check(f, whole, first, unchecked); err != nil {
		return err
	}
	if stop-start != int64(len(p)) {
		copy(p, whole[off-start:])
	}
	fresh := unchecked &^ o.chunk(first/chunkPages).believed.Or(unchecked)
	o.believed.Add(count(fresh))
	return nil
}

// check compares the sums of pages, of which b has all from first on, with the index.
func (o *Object) check(f *files, b []byte, first int64, unchecked uint32) error {
	var sums [chunkPages * sumBytes]byte
	n := pagesOf(int64(len(b)))
	if _, err := f.index.ReadAt(sums[:n*sumBytes], sumAt(first)); err != nil {
		return err
	}
	for k := range n {
		page := first + k
		if unchecked&mask(page%chunkPages, 1) == 0 {
			continue
		}
		bytes := b[k*PageBytes : min((k+1)*PageBytes, int64(len(b)))]
		if pageSum(bytes, o.salt, page) != le.Uint32(sums[k*sumBytes:]) {
			return fmt.Errorf("page %d: %w", page, errSum)
		}
	}
	return nil
}
