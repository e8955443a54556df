package visclient

import (
	"context"
	"crypto/md5" //nolint:gosec // the protocol's checksum
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// upload is a body on its way to the server, counted and hashed as it passes.
type upload struct {
	source io.Reader

	mu   sync.Mutex // a reply may come while the transport still reads the body
	size int64
	md5  hash.Hash
	err  error // of source
}

func newUpload(source io.Reader) *upload {
	if source == nil {
		return nil
	}
	return &upload{source: source, md5: md5.New()}
}

// attach makes the body of a request. While the source is waited for, the
// server's watchdog sleeps; while the server takes bytes, and while it stores
// them after the last, it watches.
func (u *upload) attach(dog *watchdog, patience time.Duration) io.ReadCloser {
	dog.pause()
	return &uploadBody{upload: u, dog: dog, patience: patience}
}

type uploadBody struct {
	*upload
	dog      *watchdog
	patience time.Duration
}

func (b *uploadBody) Read(p []byte) (int, error) {
	b.dog.pause()
	n, err := b.source.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.md5.Write(p[:n])
	b.size += int64(n)
	switch err {
	case nil:
		b.dog.feed(b.patience)
	case io.EOF:
		b.dog.feed(b.patience + storing(b.size))
	default:
		b.err = err
	}
	return n, err
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
	op.body = newUpload(body)
	if op.body != nil {
		op.fields = withDefault(op.fields, "store", c.store)
	}
	var img *meta.Image
	op.accept = imageInto(op, &img)
	if err := c.send(ctx, op); err != nil {
		return nil, op.blame(err)
	}
	if op.body == nil {
		return img, nil
	}
	return img, op.checkStored(img)
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
	case img.Checksum != sum:
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
