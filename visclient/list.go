package visclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

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

// GetImagesDetail is [Client.GetImages] with all attributes.
func (c *Client) GetImagesDetail(ctx context.Context, query url.Values) ([]*meta.Image, error) {
	return c.list(ctx, call{op: "list images in detail", method: http.MethodGet, path: "/images/detail", query: query})
}

func (c *Client) list(ctx context.Context, op call) ([]*meta.Image, error) {
	var images []*meta.Image
	op.accept = func(resp *http.Response) (err error) {
		defer finish(resp.Body)
		if images, err = decodeImages(json.NewDecoder(resp.Body)); err != nil {
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
func decodeImages(d *json.Decoder) ([]*meta.Image, error) {
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
	}
	_, err := d.Token()
	return images, err
}
