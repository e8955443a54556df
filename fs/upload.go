package fs

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/visorfs/visorfs/meta"
)

// smallWrite is below which writes are collected before they are handed over.
const smallWrite = 128 << 10

// sendFunc sends a body to the server and returns what the server made of it.
type sendFunc func(ctx context.Context, body io.Reader) (*meta.Image, error)

// upload is a body that is sent while it is still being written: its sender takes the
// bytes from where the writer has them.
type upload struct {
	blocks chan []byte   // lent by the writer; closed at the body's end
	taken  chan struct{} // the sender is through with the latest block
	small  []byte        // that was collected; the writer's alone
	cancel context.CancelFunc
	done   chan struct{} // closed when the server has answered, or the upload broke

	mu   sync.Mutex // held while bytes of a block are read
	over bool       // the latest block is the writer's again, read or not

	img *meta.Image // valid once done
	err error       // likewise
}

// startUpload sends what will be written until finish or abort.
func startUpload(send sendFunc) *upload {
	ctx, cancel := context.WithCancel(context.Background())
	u := &upload{
		blocks: make(chan []byte),
		taken:  make(chan struct{}, 1),
		cancel: cancel,
		done:   make(chan struct{}),
	}
	go func() {
		defer close(u.done)
		defer cancel()
		u.img, u.err = send(ctx, &uploadReader{upload: u, ctx: ctx})
	}()
	return u
}

// uploadReader is the upload as its sender sees it.
type uploadReader struct {
	*upload
	ctx  context.Context
	rest []byte // of the latest block
}

func (r *uploadReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		select {
		case block, more := <-r.blocks:
			if !more {
				return 0, io.EOF
			}
			r.rest = block
		case <-r.ctx.Done():
			return 0, r.ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return 0, context.Canceled
	}
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		r.taken <- struct{}{}
	}
	return n, nil
}

// write hands p over, at the pace of the server. After an error nothing more can be.
func (u *upload) write(ctx context.Context, p []byte) error {
	if len(p) < smallWrite {
		u.small = append(u.small, p...)
		p = nil
	}
	if len(u.small) < smallWrite && p == nil {
		return nil
	}
	if err := u.flush(ctx); err != nil || p == nil {
		return err
	}
	return u.hand(ctx, p)
}

// flush hands over what was collected.
func (u *upload) flush(ctx context.Context) error {
	if len(u.small) == 0 {
		return nil
	}
	err := u.hand(ctx, u.small)
	u.small = u.small[:0]
	return err
}

// hand lends the sender a block until it is through with it.
func (u *upload) hand(ctx context.Context, block []byte) error {
	select {
	case u.blocks <- block:
	case <-u.done:
		return u.early()
	case <-ctx.Done():
		u.abort()
		return ctx.Err()
	}
	defer u.takeBack()
	select {
	case <-u.taken:
		return nil
	case <-u.done:
		return u.early()
	case <-ctx.Done():
		u.abort()
		return ctx.Err()
	}
}

// takeBack waits until nobody reads the latest block. If it was not read to its end the
// upload is over.
func (u *upload) takeBack() {
	u.mu.Lock()
	defer u.mu.Unlock()
	select {
	case <-u.done:
		u.over = true
	default:
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
	if err := u.flush(ctx); err != nil {
		return nil, err
	}
	close(u.blocks)
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
