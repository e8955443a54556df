package visclient

import (
	"context"
	"crypto/md5" //nolint:gosec // the protocol's checksum
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/visorfs/visorfs/meta"
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

	mu   sync.Mutex // a reply may come while the source is still read
	size int64
	md5  hash.Hash
	err  error // of source
}

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
		md5:    md5.New(),
	}
	for range cap(u.free) {
		u.free <- make([]byte, readAhead)
	}
	return u
}

// end stops the reading of the source, at the latest when a read that is under way returns.
func (u *upload) end() { close(u.done) }

func (u *upload) read() {
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

	rest block // what Read has not given yet
}

// next returns the next block.
func (b *uploadBody) next() (block, error) {
	b.start.Do(func() { go b.read() })
	b.dog.pause()
	select {
	case next := <-b.blocks:
		if next.err == io.EOF {
			b.dog.feed(b.patience + storing(b.sent()))
		} else {
			b.dog.feed(b.patience)
		}
		return next, nil
	case <-b.ctx.Done():
		return block{}, context.Cause(b.ctx)
	}
}

func (b *uploadBody) sent() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
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

// sendChange sends a call with fields and perhaps a body, and checks the reply against
// what was sent.
func (c *Client) sendChange(ctx context.Context, op call, body io.Reader) (*meta.Image, error) {
	op.body = newUpload(body, c.MaxImageBytes())
	if op.body != nil {
		defer op.body.end()
		op.fields = withDefault(op.fields, "store", c.store)
	}
	var img *meta.Image
	op.accept = imageInto(op, &img)
	if err := c.send(ctx, op); err != nil {
		return nil, op.blame(err)
	}
	if op.body != nil {
		if err := op.checkStored(img); err != nil {
			return img, err
		}
	}
	return img, op.checkEcho(img)
}

// blame finds who is at fault when an upload broke: an error of its source is
// not the server's.
func (op call) blame(err error) error {
	if op.body == nil {
		return err
	}
	op.body.mu.Lock()
	defer op.body.mu.Unlock()
	if op.body.err != nil {
		return &Error{Op: op.op, ID: op.id, Err: op.body.err}
	}
	return err
}

// checkStored compares what the server says it holds with what was sent.
func (op call) checkStored(img *meta.Image) error {
	op.body.mu.Lock()
	defer op.body.mu.Unlock()
	if op.body.size == 0 {
		return nil // to VIS an empty body is none
	}
	sum := hex.EncodeToString(op.body.md5.Sum(nil))
	switch {
	case img.Status != meta.Available:
		return mismatch(op, "the image is %q after %d bytes were sent", img.Status, op.body.size)
	case img.Size != op.body.size:
		return mismatch(op, "%d bytes were sent, %d are stored", op.body.size, img.Size)
	case !strings.EqualFold(img.Checksum, sum):
		return mismatch(op, "MD5 %s was sent, %s is stored", sum, img.Checksum)
	}
	return nil
}

func withDefault(f meta.Fields, name, value string) meta.Fields {
	if _, ok := f[name]; ok {
		return f
	}
	with := meta.Fields{name: value}
	for k, v := range f {
		with[k] = v
	}
	return with
}

// PostImage registers an image. The fields name and architecture are required.
// With a body, which is sent in chunks as it is read, the image's data are stored
// too; an empty body is none. A field location refers to data stored elsewhere
// already and excludes a body. It returns the registered metadata.
//
// When the reply contradicts what was sent, the new image is deleted again and
// the error is ErrMismatch.
// Errors: ErrInvalid, ErrNotFound for a location, ErrConflict, ErrForbidden,
// ErrNoSpace, ErrInternal, ErrTimeout, ErrMismatch, the body's own.
func (c *Client) PostImage(ctx context.Context, fields meta.Fields, body io.Reader) (*meta.Image, error) {
	op := call{op: "post image", method: http.MethodPost, path: "/images", fields: fields, once: true}
	if err := checkChange(op, fields.ValidateNew(), body); err != nil {
		return nil, err
	}
	img, err := c.sendChange(ctx, op, body)
	if err != nil && body != nil && img == nil {
		return nil, c.takeBack(context.WithoutCancel(ctx), fields, err)
	}
	if errors.Is(err, ErrMismatch) && img != nil {
		_, cleanup := c.DeleteImage(context.WithoutCancel(ctx), img.ID)
		return nil, errors.Join(err, cleanup)
	}
	return img, err
}

// PutImage changes an image's metadata, stores its data, or both. Only an image
// that is locked or in error takes data. Custom attributes replace those that the
// image has, as a set. It returns the updated metadata.
// Errors: those of [Client.PostImage]; ErrNotFound also for the image; ErrConflict
// for data of an image that has some.
func (c *Client) PutImage(ctx context.Context, id meta.ID, fields meta.Fields, body io.Reader) (*meta.Image, error) {
	op := imageCall("put image", http.MethodPut, id)
	op.fields = fields
	if err := checkChange(op, fields.ValidateUpdate(), body); err != nil {
		return nil, err
	}
	return c.sendChange(ctx, op, body)
}

func checkChange(op call, err error, body io.Reader) error {
	if err != nil {
		return invalid(op, err)
	}
	if _, ok := op.fields["location"]; ok && body != nil {
		return invalid(op, errors.New("a location and data exclude each other"))
	}
	return nil
}
