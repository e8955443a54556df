package visclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// PostImage registers an image. The fields name and architecture are required.
// With a body, which is sent in chunks as it is read, the image's data are stored
// too; an empty body is none. A field location refers to data stored elsewhere
// already and excludes a body. It returns the registered metadata.
//
// A body that is an [io.Seeker] is sent again from where it stands now when the
// network or the server has a passing fault; see the package comment. When a reply was
// lost the server is asked whether it has the image: one of the user's with that name,
// these data and these fields, which was registered since the call began. The known
// images are none of those: name the one that the new image is to replace. Two calls
// at once with the same name, fields and data cannot be told apart in this way.
//
// When the reply contradicts what was sent, the new image is deleted again and
// the error is ErrMismatch.
// Errors: ErrInvalid, ErrNotFound for a location, ErrConflict, ErrForbidden,
// ErrNoSpace, ErrInternal, ErrTimeout, ErrMismatch, the body's own.
func (c *Client) PostImage(ctx context.Context, fields meta.Fields, body io.Reader, known ...meta.ID) (*meta.Image, error) {
	op := call{op: "post image", method: http.MethodPost, path: "/images", fields: fields, once: true}
	if err := checkChange(op, fields.ValidateNew(), body); err != nil {
		return nil, err
	}
	d := c.newDelivery(op, body)
	d.known = known
	img, err := d.send(ctx)
	if err != nil && img != nil {
		_, cleanup := c.DeleteImage(context.WithoutCancel(ctx), img.ID)
		return nil, errors.Join(err, cleanup)
	}
	return img, err
}

// PutImage changes an image's metadata, stores its data, or both. Only an image
// that is locked or in error takes data. Custom attributes replace those that the
// image has, as a set. It returns the updated metadata. A body is sent again as that of
// [Client.PostImage] is, and after a lost reply the image is looked at.
// Errors: those of [Client.PostImage]; ErrNotFound also for the image; ErrConflict
// for data of an image that has some.
func (c *Client) PutImage(ctx context.Context, id meta.ID, fields meta.Fields, body io.Reader) (*meta.Image, error) {
	op := imageCall("put image", http.MethodPut, id)
	op.fields = fields
	if err := checkChange(op, fields.ValidateUpdate(), body); err != nil {
		return nil, err
	}
	if body == nil {
		return c.putFields(ctx, op)
	}
	return c.newDelivery(op, body).send(ctx)
}

// putFields changes metadata alone, which can be done twice.
func (c *Client) putFields(ctx context.Context, op call) (*meta.Image, error) {
	var img *meta.Image
	op.accept = imageInto(op, &img)
	if err := c.send(ctx, op); err != nil {
		return nil, err
	}
	return img, op.checkEcho(img)
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

// blame finds who is at fault when an upload broke: an error of its source is
// not the server's.
func (op call) blame(err error) error {
	if err == nil || op.body == nil {
		return err
	}
	op.body.mu.Lock()
	defer op.body.mu.Unlock()
	if op.body.err != nil {
		return &Error{Op: op.op, ID: op.id, Err: op.body.err, final: true}
	}
	return err
}

// checkReply compares the image in a reply with what was sent.
func (op call) checkReply(img *meta.Image) error {
	if op.body != nil {
		if err := op.checkStored(img, op.body.digest()); err != nil {
			return err
		}
	}
	return op.checkEcho(img)
}

// checkStored compares what the server says it holds with what was sent.
func (op call) checkStored(img *meta.Image, sent digest) error {
	if sent.size == 0 {
		return nil // to VIS an empty body is none
	}
	switch {
	case img.Status != meta.Available:
		return mismatch(op, "the image is %q after %d bytes were sent", img.Status, sent.size)
	case img.Size != sent.size:
		return mismatch(op, "%d bytes were sent, %d are stored", sent.size, img.Size)
	case !strings.EqualFold(img.Checksum, sent.md5):
		return mismatch(op, "MD5 %s was sent, %s is stored", sent.md5, img.Checksum)
	}
	return nil
}
