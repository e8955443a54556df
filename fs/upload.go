package fs

import (
	"context"
	"errors"
	"io"
	"slices"

	"github.com/visorfs/visorfs/meta"
)

// uploadQueue is how many writes may be on their way from the kernel to the network.
// With writes of at most 1 MiB it bounds the memory of an upload.
const uploadQueue = 4

// sendFunc sends a body to the server and returns what the server made of it.
type sendFunc func(ctx context.Context, body io.Reader) (*meta.Image, error)

// upload is a body that is sent while it is still being written.
type upload struct {
	chunks chan []byte // closed at the body's end
	cancel context.CancelFunc
	done   chan struct{} // closed when the server has answered, or the upload broke

	rest []byte // of the chunk that is being read; the sender's alone

	img *meta.Image // valid once done
	err error       // likewise
}

// startUpload sends what will be written until finish or abort.
func startUpload(send sendFunc) *upload {
	ctx, cancel := context.WithCancel(context.Background())
	u := &upload{
		chunks: make(chan []byte, uploadQueue),
		cancel: cancel,
		done:   make(chan struct{}),
	}
	go func() {
		defer close(u.done)
		defer cancel()
		u.img, u.err = send(ctx, uploadReader{u, ctx})
	}()
	return u
}

// uploadReader is the upload as its sender sees it.
type uploadReader struct {
	*upload
	ctx context.Context
}

func (r uploadReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		select {
		case chunk, more := <-r.chunks:
			if !more {
				return 0, io.EOF
			}
			r.rest = chunk
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// write queues a copy of p, at the pace of the server: whole, or not at all.
func (u *upload) write(ctx context.Context, p []byte) error {
	chunk := slices.Clone(p)
	select { // without a look at ctx, as in draft.take
	case u.chunks <- chunk:
		return nil
	default:
	}
	select {
	case u.chunks <- chunk:
		return nil
	case <-u.done:
		return u.early()
	case <-ctx.Done():
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
// upload is aborted.
func (u *upload) finish(ctx context.Context) (*meta.Image, error) {
	if ctx.Err() != nil { // an end of the body would make the server store it
		u.abort()
		return nil, context.Cause(ctx)
	}
	close(u.chunks)
	select {
	case <-u.done:
		return u.img, u.err
	case <-ctx.Done():
		u.abort()
		if u.err == nil {
			return u.img, nil // it was just done
		}
		return nil, context.Cause(ctx)
	}
}

// abort breaks the upload off, so that the server stores nothing, and waits for its end.
func (u *upload) abort() {
	u.cancel()
	<-u.done
}
