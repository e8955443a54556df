package visclient

import (
	"context"
	"errors"
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
	list, err := c.list(ctx, call{op: "list images", method: http.MethodGet, path: "/images", query: query})
	return list.Images, blameQuery(query, err)
}

// GetImagesDetail is [Client.GetImages] with all attributes. An image whose record the
// original server cannot read has its brief attributes and the status error.
func (c *Client) GetImagesDetail(ctx context.Context, query url.Values) ([]*meta.Image, error) {
	list, _, err := c.listDetail(ctx, query, "")
	return list.Images, err
}

// List is a list of images, and what the server calls its state.
type List struct {
	Images    []*meta.Image
	ETag      string // "" if the server does not say, as the original
	Unchanged bool   // since the state that was asked about; there are no Images then
}

// GetImagesDetailSince is [Client.GetImagesDetail], unless the list is still as it was
// when it came with an ETag; "" is none. The server then sends no images.
func (c *Client) GetImagesDetailSince(ctx context.Context, query url.Values, etag string) (List, error) {
	list, _, err := c.listDetail(ctx, query, etag)
	return list, err
}

// listDetail also returns when the server answered, by its own clock.
func (c *Client) listDetail(ctx context.Context, query url.Values, etag string) (List, time.Time, error) {
	var date time.Time
	op := call{op: "list images in detail", method: http.MethodGet, path: "/images/detail", query: query, etag: etag, date: &date}
	list, err := c.list(ctx, op)
	if isBrokenRecord(err) {
		images, err2 := c.listOneByOne(ctx, query)
		if err2 == nil || errors.Is(err2, ErrInvalid) {
			return List{Images: images}, date, err2
		}
	}
	return list, date, err
}

func (c *Client) list(ctx context.Context, op call) (List, error) {
	if c.IsOriginal() {
		if err := checkOriginalQuery(op, c.accessKey); err != nil {
			return List{}, err
		}
	}
	var list List
	op.accept = func(resp *http.Response) error {
		defer finish(resp.Body)
		if resp.StatusCode == http.StatusNotModified {
			list = List{ETag: op.etag, Unchanged: true}
			return nil
		}
		images, err := decodeImages(resp.Body, c.maxList)
		if err != nil {
			return badReply(resp.Request.Context(), op, err)
		}
		list = List{Images: images, ETag: resp.Header.Get("ETag")}
		return nil
	}
	err := c.send(ctx, op)
	var e *Error
	if errors.As(err, &e) && e.StatusCode == http.StatusNotFound && e.Message != invalidPath {
		return List{}, nil // how VIS says that there is none
	}
	return list, err
}

// invalidPath is VIS's message for a path that is none of its own.
const invalidPath = "Invalid operation or path."
