package disk

import (
	"errors"
	"io/fs"
	"sync"
	"sync/atomic"
)

// stripes is how many locks the chunks of an object share: enough that readers rarely
// wait for an eviction of another chunk.
const stripes = 16

// Object is the bytes of one immutable object, as far as they are on disk.
type Object struct {
	store   *Store
	content string
	size    int64
	pages   int64
	salt    uint32
	stem    string // path of its files, without extension

	refs int // guarded by store.mu

	segments []atomic.Pointer[segment] // nil where there is nothing
	present  atomic.Int64              // pages
	believed atomic.Int64              // pages
	losses   atomic.Uint64             // see Epoch
	unfit    atomic.Bool               // the filesystem can't have a file of this size
	files    atomic.Pointer[files]     // nil when not open

	reading [stripes]sync.RWMutex // held over a read of a chunk; excludes its removal

	mu       sync.Mutex   // before reading, store.mu, room.mu; held over each change of the files
	exists   bool         // there are files
	clean    bool         // absent pages have no bytes in the data file
	verified atomic.Bool  // changed under mu
	held     int64        // bytes of the files
	pins     atomic.Int32 // by Backing; changed under mu
}

func newObject(s *Store, content string, size int64) *Object {
	return &Object{
		store:    s,
		content:  content,
		size:     size,
		pages:    pagesOf(size),
		salt:     saltOf(content),
		stem:     s.stem(content),
		segments: make([]atomic.Pointer[segment], segmentsOf(size)),
	}
}

// Size returns how many bytes the object has, on disk or not.
func (o *Object) Size() int64 { return o.size }

// Whole reports whether all bytes are there, checked or not.
func (o *Object) Whole() bool { return o.present.Load() == o.pages }

// open opens the files, if there are any.
func (o *Object) open() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.store.closed.Load():
		return fs.ErrClosed
	case !o.exists || o.files.Load() != nil:
		return nil
	}
	f, err := openFiles(o.stem)
	if errors.Is(err, fs.ErrNotExist) {
		o.store.log.Warn("disk cache: forgetting files that are gone", "content", o.content, "err", err)
		o.remove()
		return nil
	}
	if err != nil {
		return err
	}
	o.files.Store(f)
	return nil
}

// Close ends the use of the object by one who asked for it. The bytes stay.
func (o *Object) Close() {
	if o.closeShared() {
		return
	}
	o.mu.Lock() // so that who asks for the object next finds the files open, or opens them
	defer o.mu.Unlock()
	if o.closeLast() {
		o.closeFiles()
	}
}

// closeShared gives back a reference that isn't the last.
func (o *Object) closeShared() bool {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	if o.refs > 1 {
		o.refs--
		return true
	}
	return false
}

// closeLast gives back a reference, and reports whether it was the last after all. It is
// called with mu held.
func (o *Object) closeLast() bool {
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	o.refs--
	if o.refs == 0 && !o.exists {
		delete(o.store.objects, o.content)
	}
	return o.refs == 0
}

// closeFiles is called with mu held.
func (o *Object) closeFiles() {
	f := o.files.Swap(nil)
	if f == nil {
		return
	}
	if !o.store.closed.Load() {
		o.saveAges(f)
	}
	f.close()
}

// shut closes the files with the store.
func (o *Object) shut() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if f := o.files.Swap(nil); f != nil {
		o.saveAges(f)
		f.close()
	}
}

// saveAges writes the records of segments whose chunks were read. A kill loses only
// their order of eviction.
func (o *Object) saveAges(f *files) {
	for n := range o.segments {
		s := o.segments[n].Load()
		if s == nil || !s.aged.Swap(false) {
			continue
		}
		page, first := make([]byte, PageBytes), int64(n)*segmentChunks
		for k := range s.chunks {
			s.chunks[k].record().put(page[k*recordBytes:], o.salt, first+int64(k))
		}
		if _, err := f.index.WriteAt(page, recordAt(first)); err != nil {
			o.store.wrote(err)
			return
		}
	}
}

// saveHeader is called with mu held.
func (o *Object) saveHeader(f *files, verified bool) error {
	h := header{content: o.content, size: o.size, verified: verified}
	_, err := f.index.WriteAt(h.encode(), 0)
	return err
}

// borrow returns the files, opened for the moment if they aren't open. It is called with
// mu held, and so is done.
func (o *Object) borrow() (f *files, done func(), err error) {
	if f := o.files.Load(); f != nil {
		return f, func() {}, nil
	}
	if f, err = openFiles(o.stem); err != nil {
		return nil, nil, err
	}
	return f, f.close, nil
}
