package disk

import (
	"bytes"
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

var zeroPage [PageBytes]byte

// overhead is what the first page of an object may cost beside itself: the header, a
// page of records and one of sums.
const overhead = 3 * PageBytes

// WriteAt keeps the bytes of p, which are the object's at off, for as long as there is
// room. It keeps whole pages only: a part of one at either end of p (other than the last
// page, up to the end of the object) is ignored, and so are pages that are there already.
// Pages of zeros take no space. A failure keeps nothing, is counted and logged, and stops
// writing for a while.
func (o *Object) WriteAt(p []byte, off int64) {
	if off < 0 || off >= o.size {
		return
	}
	p = p[:min(int64(len(p)), o.size-off)]
	page, end := pagesOf(off), (off+int64(len(p)))/PageBytes
	if off+int64(len(p)) == o.size {
		end = o.pages
	}
	for page < end {
		next := min((page/chunkPages+1)*chunkPages, end)
		o.writeChunk(p[page*PageBytes-off:min(next*PageBytes-off, int64(len(p)))], page)
		page = next
	}
}

// piece is bytes of one chunk on their way to the disk.
type piece struct {
	p     []byte // whole pages
	chunk int64
	first int64  // page of the chunk
	fresh uint32 // pages that aren't there yet
	zero  uint32 // those of them that are zeros
}

// page returns the bytes of n pages of the chunk.
func (w *piece) page(first, n int64) []byte {
	from := (first - w.first) * PageBytes
	return w.p[from:min(from+n*PageBytes, int64(len(w.p)))]
}

// offset returns where a page of the chunk is in the object.
func (w *piece) offset(first int64) int64 { return w.chunk*ChunkBytes + first*PageBytes }

// survey finds what of the pages isn't there yet.
func (o *Object) survey(p []byte, page int64) piece {
	w := piece{p: p, chunk: page / chunkPages, first: page % chunkPages}
	w.fresh = mask(w.first, pagesOf(int64(len(p))))
	if c := o.chunk(w.chunk); c != nil {
		w.fresh &^= c.present.Load()
	}
	for k := range int64(chunkPages) {
		if w.fresh&mask(k, 1) != 0 {
			if b := w.page(k, 1); bytes.Equal(b, zeroPage[:len(b)]) {
				w.zero |= mask(k, 1)
			}
		}
	}
	return w
}

// writeChunk is WriteAt of pages of one chunk.
func (o *Object) writeChunk(p []byte, page int64) {
	w := o.survey(p, page)
	if w.fresh == 0 || o.store.closed.Load() {
		return
	}
	most := count(w.fresh)*PageBytes + overhead
	if o.store.holes {
		most -= count(w.zero) * PageBytes
	}
	if o.unfit.Load() || !o.store.pause.over(o.store.now()) || !o.store.reserve(o, most) {
		o.store.counts.dropped.Add(1)
		return
	}
	grown, err := o.keep(&w)
	o.store.room.give(most - grown)
	if !errors.Is(err, fs.ErrClosed) {
		o.store.wrote(err)
	}
}

// keep puts a piece into the files, and returns by how much they grew.
func (o *Object) keep(w *piece) (grown int64, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.store.closed.Load() {
		return 0, fs.ErrClosed
	}
	f, err := o.ensureFiles()
	if err != nil {
		return 0, err
	}
	if o.held == 0 {
		grown = PageBytes // the header
		o.held = grown
	}
	if c := o.chunk(w.chunk); c != nil { // another may have been faster
		w.fresh &^= c.present.Load()
		w.zero &= w.fresh
	}
	if err = o.put(f, w); err != nil {
		o.undo(f, w)
		return grown, err
	}
	return grown + o.admit(w), nil
}

// ensureFiles is called with mu held.
func (o *Object) ensureFiles() (*files, error) {
	if f := o.files.Load(); f != nil {
		return f, nil
	}
	if o.exists || !o.store.isOpen(o) { // after the last Close
		return nil, fs.ErrClosed
	}
	f, err := createFiles(o.stem, header{content: o.content, size: o.size})
	if err != nil {
		o.unfit.Store(errors.Is(err, unix.EFBIG))
		return nil, err
	}
	o.exists, o.clean = true, true
	o.store.counts.objects.Add(1)
	o.files.Store(f)
	return f, nil
}
