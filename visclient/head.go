package visclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

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
// Errors: ErrForbidden for wrong keys, and ErrClock besides when the clocks are far apart;
// ErrNotVIS, ErrTimeout, the network's own.
func (c *Client) CheckAccess(ctx context.Context) error {
	const nobody = "00000000-0000-0000-0000-000000000000"
	op := imageCall("check access", http.MethodHead, nobody)
	op.closes = c.IsOriginal() // of others the first request is likely to be the next on this connection
	op.id = ""                 // it is of no interest in an error
	op.impatient = true
	var date time.Time
	op.date = &date
	op.accept = func(resp *http.Response) error {
		defer finish(resp.Body)
		return fmt.Errorf("%s is %w: it has an image %s", c.URL(), ErrNotVIS, nobody)
	}
	err := c.send(ctx, op)
	var e *Error
	if errors.As(err, &e) && e.StatusCode == http.StatusNotFound {
		if e.Message == "" {
			return fmt.Errorf("%s is %w: it answers 404 without a word about images", c.URL(), ErrNotVIS)
		}
		return nil
	}
	if errors.Is(err, ErrForbidden) && !c.IsOriginal() { // which looks at no Date
		e.Err = clockError(date)
	}
	return err
}

// clockTolerance is how far apart clocks may be without a word.
const clockTolerance = 2 * time.Minute

// clockError returns an ErrClock if a server's clock, which showed date just now, is far
// from this machine's.
func clockError(date time.Time) error {
	off, side := time.Since(date).Round(time.Second), "ahead of"
	if off < 0 {
		off, side = -off, "behind"
	}
	if date.IsZero() || off < clockTolerance {
		return nil
	}
	return fmt.Errorf("%w: this machine's is %s %s the server's", ErrClock, off, side)
}

// imageCall starts a call about one image.
func imageCall(what, method string, id meta.ID) call {
	return call{op: what, id: id, method: method, path: "/images/" + string(id)}
}
