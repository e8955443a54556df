package visclient

import (
	"context"
	"crypto/md5" //nolint:gosec // the protocol's checksum
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// readAhead is how much of an upload's source is read, and hashed, while what comes
// before it is sent.
const readAhead = 256 << 10

// upload is a body on its way to the server, counted and hashed as it passes. Its
// source is read by a goroutine of its own: hashing and sending go side by side, and a
// request can end while the source is silent.
type upload struct {
	source io.Reader
	limit  int64 // bytes
	start  sync.Once
	blocks chan block    // in order; the last has an error
	free   chan []byte   // buffers
	done   chan struct{} // closed when no more blocks are wanted
	ended  chan struct{} // closed when the source is not read any more

	mu    sync.Mutex // a reply may come while the source is still read
	size  int64
	md5   hash.Hash
	err   error // of source
	taken int64 // bytes that the connection took
	whole bool  // the end was handed to the connection, and may have reached the server
	over  bool  // the end is not handed to it any more
}

var errOver = errors.New("the upload is over")

// block is what one read of the source gave.
type block struct {
	data []byte
	err  error
}

func newUpload(source io.Reader, limit int64) *upload {
	if source == nil {
		return nil
	}
	u := &upload{
		source: source,
		limit:  limit,
		blocks: make(chan block),
		free:   make(chan []byte, 2),
		done:   make(chan struct{}),
		ended:  make(chan struct{}),
		md5:    md5.New(),
	}
	for range cap(u.free) {
		u.free <- make([]byte, readAhead)
	}
	return u
}

// end stops the reading of the source, at the latest when a read that is under way
// returns; ended is closed then.
func (u *upload) end() {
	close(u.done)
	u.start.Do(func() { close(u.ended) })
}

func (u *upload) read() {
	defer close(u.ended)
	for {
		select {
		case buf := <-u.free:
			n, err := u.source.Read(buf)
			if u.note(buf[:n], err) > u.limit {
				err = u.tooLarge()
			}
			select {
			case u.blocks <- block{buf[:n], err}:
			case <-u.done:
				return
			}
			if err != nil {
				return
			}
		case <-u.done:
			return
		}
	}
}

func (u *upload) note(data []byte, err error) (size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.md5.Write(data)
	u.size += int64(len(data))
	if err != io.EOF {
		u.err = err
	}
	return u.size
}

func (u *upload) take(n int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.taken += int64(n)
}

// digest is what the server must say of data that it stored.
type digest struct {
	size int64
	md5  string // hex
}

func (u *upload) digest() digest {
	u.mu.Lock()
	defer u.mu.Unlock()
	return digest{u.size, hex.EncodeToString(u.md5.Sum(nil))}
}

// giveUp tells how far the upload came. It comes no further: a connection may be at work
// on the body still when its request has failed.
func (u *upload) giveUp() (taken int64, whole bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.over = true
	return u.taken, u.whole
}

func (u *upload) tooLarge() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.err = fmt.Errorf("%w: it takes %d bytes", ErrTooLarge, u.limit)
	return u.err
}

// uploadBody is the upload as the body of one request. While the source is waited for,
// the server's watchdog sleeps; while the server takes bytes, and while it stores them
// after the last, it watches.
type uploadBody struct {
	*upload
	ctx      context.Context // of the request
	dog      *watchdog
	patience time.Duration
	sent     *atomic.Int64 // bytes, of all requests

	rest block // what Read has not given yet
}

// take notes what the connection took.
func (b *uploadBody) take(n int) {
	b.sent.Add(int64(n))
	b.upload.take(n)
}

// next returns the next block.
func (b *uploadBody) next() (block, error) {
	b.start.Do(func() { go b.read() })
	b.dog.pause()
	select {
	case next := <-b.blocks:
		if next.err == io.EOF {
			return next, b.atEnd()
		}
		b.dog.feed(b.patience)
		return next, nil
	case <-b.ctx.Done():
		return block{}, context.Cause(b.ctx)
	}
}

// atEnd notes that the connection gets the end of the body.
func (b *uploadBody) atEnd() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.over {
		return errOver
	}
	b.whole = true
	b.dog.feed(b.patience + storing(b.size))
	return nil
}

// WriteTo is what net/http calls: blocks go out as they are.
func (b *uploadBody) WriteTo(w io.Writer) (sent int64, err error) {
	for {
		next, err := b.next()
		if err != nil {
			return sent, err
		}
		n, err := w.Write(next.data)
		sent += int64(n)
		b.take(n)
		if err != nil {
			return sent, err
		}
		if next.err == io.EOF {
			return sent, nil
		}
		if next.err != nil {
			return sent, next.err
		}
		b.free <- next.data[:cap(next.data)]
	}
}

func (b *uploadBody) Read(p []byte) (int, error) {
	for len(b.rest.data) == 0 {
		if b.rest.err != nil {
			return 0, b.rest.err
		}
		var err error
		if b.rest, err = b.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.rest.data)
	b.rest.data = b.rest.data[n:]
	b.take(n)
	if len(b.rest.data) == 0 && b.rest.err == nil {
		b.free <- make([]byte, readAhead)
	}
	return n, nil
}

func (b *uploadBody) Close() error { return nil }

// storing is how long a slow disk at the server may take to sync so many bytes.
func storing(size int64) time.Duration {
	const bytesPerSecond = 16 << 20
	return time.Duration(size/bytesPerSecond) * time.Second
}
