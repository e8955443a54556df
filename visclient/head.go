package visclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/visorfs/visorfs/meta"
)

// HeadImage returns the metadata of an image.
// Errors: ErrNotFound, ErrForbidden, ErrInternal, ErrTimeout.
func (c *Client) HeadImage(ctx context.Context, id meta.ID) (*meta.Image, error) {
	var img *meta.Image
	op := imageCall("head image", http.MethodHead, id)
	op.closes = c.mustClose()
	op.accept = func(resp *http.Response) (err error) {
		defer finish(resp.Body)
		if img, err = meta.ImageFromHeader(resp.Header); err != nil {
			return badReply(ctx, op, err)
		}
		if img.ID != id {
			return mismatch(op, "it is about image %s", img.ID)
		}
		return nil
	}
	err := c.send(ctx, op)
	return img, err
}

// CheckAccess asks once, without retries, whether a VIS server answers and takes
// the user's keys. It costs the server a look for an image that nobody has.
// Errors: ErrForbidden for wrong keys, ErrTimeout, the network's own.
func (c *Client) CheckAccess(ctx context.Context) error {
	const nobody = "00000000-0000-0000-0000-000000000000"
	op := imageCall("check access", http.MethodHead, nobody)
	op.closes = c.IsOriginal() // of others the first request is likely to be the next on this connection
	op.id = ""                 // it is of no interest in an error
	op.impatient = true
	op.accept = func(resp *http.Response) error {
		defer finish(resp.Body)
		return fmt.Errorf("%s is not a VIS server: it has an image %s", c.URL(), nobody)
	}
	err := c.send(ctx, op)
	var e *Error
	if errors.As(err, &e) && e.StatusCode == http.StatusNotFound {
		if e.Message == "" {
			return fmt.Errorf("%s is not a VIS server: it answers 404 without a word about images", c.URL())
		}
		return nil
	}
	return err
}

// imageCall starts a call about one image.
func imageCall(what, method string, id meta.ID) call {
	return call{op: what, id: id, method: method, path: "/images/" + string(id)}
}
