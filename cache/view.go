package cache

import (
	"context"
	"fmt"
	"io"
	"io/fs"
)

// View is bytes of an object where they lie in memory. They stay there until Release.
type View struct {
	slices [][]byte
	size   int
	chunks []*chunk // held

	// so that small ones are one allocation
	sliceArray [batchChunks][]byte
	chunkArray [batchChunks]*chunk
}

// Slices returns the bytes in order.
func (v *View) Slices() [][]byte { return v.slices }

// Size returns how many bytes there are.
func (v *View) Size() int { return v.size }

// Release ends the use of the bytes. It is called once.
func (v *View) Release() {
	for _, c := range v.chunks {
		c.release()
	}
	v.slices, v.chunks = nil, nil
}

func (v *View) add(data []byte) {
	v.slices = append(v.slices, data)
	v.size += len(data)
}

// View returns len(p) bytes from off, with the errors of ReadAt: fewer bytes only with
// one. What isn't in memory may be read into p. A view that comes with an error holds
// nothing, unless that is io.EOF.
func (r *Reader) View(ctx context.Context, p []byte, off int64) (*View, error) {
	v := new(View)
	v.slices, v.chunks = v.sliceArray[:0], v.chunkArray[:0]
	switch {
	case off < 0:
		return v, fmt.Errorf("read %s at %d: %w", r.key.ID, off, fs.ErrInvalid)
	case len(p) == 0:
		return v, nil
	case off >= r.size:
		return v, io.EOF
	}
	var atEnd error
	if left := r.size - off; int64(len(p)) > left {
		p, atEnd = p[:left], io.EOF
	}
	if err := r.read(ctx, v, p, off); err != nil {
		return v, err
	}
	return v, atEnd
}

// ReadAt reads len(p) bytes from off, as io.ReaderAt does: fewer only with an error,
// which is io.EOF at the end of the object. It returns ctx's error as soon as ctx ends
// while it waits, fs.ErrClosed after the last Close, and otherwise what the source said.
func (r *Reader) ReadAt(ctx context.Context, p []byte, off int64) (n int, err error) {
	v, err := r.View(ctx, p, off)
	defer v.Release()
	for _, s := range v.slices {
		n += copy(p[n:], s)
	}
	return n, err
}
