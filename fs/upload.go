package fs

import (
	"context"
	"errors"
	"io"

	"github.com/visorfs/visorfs/meta"
)

const (
	// uploadQueue is how many chunks may be on their way from the writer to the network.
	// With those of at most maxWrite and leastChunk it bounds the memory of an upload.
	uploadQueue = 4

	// leastChunk is up to which small writes are collected, in bytes.
	leastChunk = 128 << 10
)

// upload is the body of a delivery that is sent while it is still being written.
type upload struct {
	*delivery
	chunks chan []byte // closed at the body's end
	free   chan []byte // buffers of chunks that were sent
	last   []byte      // chunk that is being filled; the writer's alone
}

// upload sends what will be written until finish, abort or leave.
func (v *volume) upload(p parcel) *upload {
	u := &upload{
		chunks: make(chan []byte, uploadQueue),
		free:   make(chan []byte, uploadQueue+2), // all that there are
	}
	u.delivery = v.deliver(p, func(ctx context.Context) io.Reader {
		return &uploadReader{upload: u, ctx: ctx}
	})
	return u
}

// uploadReader is the upload as its sender sees it.
type uploadReader struct {
	*upload
	ctx   context.Context
	chunk []byte
	rest  []byte // of chunk
}

func (r *uploadReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next takes the next chunk from the queue.
func (r *uploadReader) next() error {
	if r.chunk != nil {
		r.free <- r.chunk
		r.chunk = nil
	}
	select {
	case chunk, more := <-r.chunks:
		if !more {
			return io.EOF
		}
		r.chunk, r.rest = chunk, chunk
		return nil
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
}

// write queues a copy of p, at the pace of the server. After an error nothing more can be.
func (u *upload) write(ctx context.Context, p []byte) error {
	if u.last == nil {
		u.last = u.buffer()
	}
	u.last = append(u.last, p...)
	if len(u.last) < leastChunk {
		return nil
	}
	return u.flush(ctx)
}

func (u *upload) buffer() []byte {
	select {
	case buffer := <-u.free:
		return buffer[:0]
	default:
		return make([]byte, 0, leastChunk)
	}
}

// flush queues the last chunk.
func (u *upload) flush(ctx context.Context) error {
	if len(u.last) == 0 {
		return nil
	}
	select { // without a look at ctx, as in draft.take
	case u.chunks <- u.last:
		u.last = nil
		return nil
	default:
	}
	select {
	case u.chunks <- u.last:
		u.last = nil
		return nil
	case <-u.done:
		return u.early()
	case <-ctx.Done():
		u.leave()
		return ctx.Err()
	}
}

// early is why an upload ended before its body did.
func (u *upload) early() error {
	if u.err != nil {
		return u.err
	}
	return errors.New("the server answered before it had the whole file")
}

// finish ends the body and returns what the server stored. When ctx ends first the
// upload is left.
func (u *upload) finish(ctx context.Context) (*meta.Image, error) {
	if ctx.Err() != nil { // an end of the body would make the server store it
		u.leave()
		return nil, context.Cause(ctx)
	}
	if err := u.flush(ctx); err != nil {
		return nil, err
	}
	close(u.chunks)
	return u.wait(ctx)
}
