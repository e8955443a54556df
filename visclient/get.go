package visclient

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// Range is a part of an image's data. The zero value is the whole.
type Range struct {
	Offset int64 // bytes
	Length int64 // bytes; 0 for up to the end
}

func (r Range) header() string {
	if r.Length == 0 {
		return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-"
	}
	return "bytes=" + strconv.FormatInt(r.Offset, 10) + "-" + strconv.FormatInt(r.Offset+r.Length-1, 10)
}

// Body is an image's data on their way. It must be closed.
type Body struct {
	io.ReadCloser
	Image  *meta.Image // as the reply describes it
	Offset int64       // where the body begins: that of the range, or 0 when the server ignored it
	Whole  bool        // the reply is the whole image: no range was asked for, or it was ignored
}

// GetImage opens the data of an image. The reply says which image it is: compare
// its Version where bytes of two requests must belong together. A body may end
// early without an error when the server does not announce its length; compare
// what came with Image.Size.
// Errors: ErrNotFound for the record or its file, ErrInvalid for a range beyond
// the end, ErrForbidden, ErrInternal, ErrTimeout, ErrMismatch for another range
// than was asked for.
func (c *Client) GetImage(ctx context.Context, id meta.ID, r Range) (*Body, error) {
	var body *Body
	op := imageCall("get image", http.MethodGet, id)
	op.closes = c.mustClose()
	op.header = make(http.Header)
	if r != (Range{}) {
		op.header.Set("Range", r.header())
	}
	op.accept = func(resp *http.Response) (err error) {
		if body, err = c.acceptBody(op, resp, r); err != nil {
			_ = resp.Body.Close()
		}
		return err
	}
	err := c.send(ctx, op)
	return body, err
}

func (c *Client) acceptBody(op call, resp *http.Response, r Range) (*Body, error) {
	img, err := c.described.image(resp.Header)
	if err != nil {
		return nil, badReply(resp.Request.Context(), op, err)
	}
	if img.ID != op.id {
		return nil, mismatch(op, "it is image %s", img.ID)
	}
	body := &Body{ReadCloser: resp.Body, Image: img}
	if resp.StatusCode != http.StatusPartialContent {
		body.Whole = true
		return body, nil
	}
	if contentRange := resp.Header.Get("Content-Range"); !r.answeredBy(contentRange) {
		return nil, mismatch(op, "Content-Range %q where %s was asked for", contentRange, r.header())
	}
	body.Offset = r.Offset
	return body, nil
}

// answeredBy reports whether "bytes a-b/size" begins where the range does, and holds
// nothing that was not asked for.
func (r Range) answeredBy(contentRange string) bool {
	span, ok := strings.CutPrefix(contentRange, "bytes ")
	span, _, sized := strings.Cut(span, "/")
	first, last, _ := strings.Cut(span, "-")
	from, err1 := strconv.ParseInt(first, 10, 64)
	to, err2 := strconv.ParseInt(last, 10, 64)
	return ok && sized && err1 == nil && err2 == nil && r != Range{} &&
		from == r.Offset && to >= from && (r.Length == 0 || to < r.Offset+r.Length)
}
