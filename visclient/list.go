package visclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// GetImages lists the images that the user may see, with their brief attributes:
// _id, name, architecture, type, format, store, size. The query filters by
// equality on any attribute; "sort" and "dir" (asc, desc) order. An empty result
// is an empty list.
// Errors: ErrInvalid, ErrForbidden, ErrInternal, ErrTimeout.
func (c *Client) GetImages(ctx context.Context, query url.Values) ([]*meta.Image, error) {
	return c.list(ctx, call{op: "list images", method: http.MethodGet, path: "/images", query: query})
}

// GetImagesDetail is [Client.GetImages] with all attributes. An image whose record the
// original server cannot read has its brief attributes and the status error.
func (c *Client) GetImagesDetail(ctx context.Context, query url.Values) ([]*meta.Image, error) {
	images, _, err := c.listDetail(ctx, query)
	return images, err
}

// listDetail also returns when the server answered, by its own clock.
func (c *Client) listDetail(ctx context.Context, query url.Values) ([]*meta.Image, time.Time, error) {
	var date time.Time
	images, err := c.list(ctx, call{op: "list images in detail", method: http.MethodGet, path: "/images/detail", query: query, date: &date})
	if isBrokenRecord(err) {
		if images, err2 := c.listOneByOne(ctx, query); err2 == nil {
			return images, date, nil
		}
	}
	return images, date, err
}

func (c *Client) list(ctx context.Context, op call) ([]*meta.Image, error) {
	if c.IsOriginal() {
		if err := checkOriginalQuery(op); err != nil {
			return nil, err
		}
	}
	var images []*meta.Image
	op.accept = func(resp *http.Response) (err error) {
		defer finish(resp.Body)
		if images, err = decodeImages(resp.Body, c.maxList); err != nil {
			return badReply(resp.Request.Context(), op, err)
		}
		return nil
	}
	err := c.send(ctx, op)
	var e *Error
	if errors.As(err, &e) && e.StatusCode == http.StatusNotFound && e.Message != invalidPath {
		return nil, nil // how VIS says that there is none
	}
	return images, err
}

// invalidPath is VIS's message for a path that is none of its own.
const invalidPath = "Invalid operation or path."

// decodeImages reads {"images": [{...}, ...]} image by image, so that a long list
// is never in memory as text.
func decodeImages(r io.Reader, maxBytes int64) ([]*meta.Image, error) {
	in := newBounded(r, maxBytes)
	d := json.NewDecoder(in)
	for _, want := range []json.Token{json.Delim('{'), "images", json.Delim('[')} {
		if got, err := d.Token(); err != nil {
			return nil, err
		} else if got != want {
			return nil, fmt.Errorf("%v where %v should be", got, want)
		}
	}
	var images []*meta.Image
	for d.More() {
		img := new(meta.Image)
		if err := d.Decode(img); err != nil {
			return nil, err
		}
		images = append(images, img)
		in.next()
	}
	_, err := d.Token()
	return images, err
}

// bounded reads so much in all, and so much for one image.
type bounded struct {
	r          io.Reader
	total, one int64 // what may still be read
}

func newBounded(r io.Reader, total int64) *bounded {
	return &bounded{r: r, total: total, one: maxImageReply}
}

// next begins another image.
func (b *bounded) next() { b.one = maxImageReply }

func (b *bounded) Read(p []byte) (int, error) {
	most := min(b.total, b.one)
	if most <= 0 {
		return 0, errors.New("it is too long")
	}
	n, err := b.r.Read(p[:min(int64(len(p)), most)])
	b.total -= int64(n)
	b.one -= int64(n)
	return n, err
}
