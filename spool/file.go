package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// File has the bytes of one image, as far as they are written.
type File struct {
	dir  *Dir
	name string // the image's path
	path string
	file *os.File // locked by this process

	lastRead atomic.Int64 // of Dir.reads

	writing sync.Mutex // held by who changes the file
	linked  bool       // path is its name
	length  int64      // of file

	// mu guards what follows. Who has writing may read it without mu: only one who has
	// both changes it.
	mu      sync.RWMutex
	extents extents
	closed  bool
	broken  error // the disk failed so that bytes aren't what extents says
}

// ReadAt reads bytes that are all written. It runs beside a write, of whose bytes it may
// see a part. After Close it says [os.ErrClosed].
func (f *File) ReadAt(p []byte, off int64) (int, error) {
	f.lastRead.Store(f.dir.reads.Add(1))
	f.mu.RLock()
	defer f.mu.RUnlock()
	if err := f.usable(); err != nil {
		return 0, f.failure("read", len(p), off, err)
	}
	end, err := endOf(off, len(p))
	if err != nil || !f.extents.covers(off, end) {
		return 0, f.failure("read", len(p), off, errors.New("not all of them are written"))
	}
	n, err := f.file.ReadAt(p, off)
	if err == io.EOF { // zeros are no bytes of the file
		clear(p[n:])
		n, err = len(p), nil
	}
	if err != nil {
		return n, f.failure("read", len(p), off, err)
	}
	return n, nil
}

// usable is called with writing or mu held.
func (f *File) usable() error {
	if f.closed {
		return os.ErrClosed
	}
	return f.broken
}

func (f *File) failure(op string, n int, off int64, err error) error {
	return fmt.Errorf("spool: %s %d bytes of %q at %d: %w", op, n, f.name, off, err)
}

// Extent returns how far the bytes from off are all written, or all not written, at most
// to end, and which of them they are.
func (f *File) Extent(off, end int64) (to int64, written bool) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.extents.span(off, end)
}

// Whole reports whether the first size bytes are all written.
func (f *File) Whole(size int64) bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.extents.covers(0, size)
}

// Bytes returns the room that the file takes.
func (f *File) Bytes() int64 {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.extents.data
}
