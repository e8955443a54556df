package visclient

import (
	"context"
	"fmt"
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
		return fmt.Sprintf("bytes=%d-", r.Offset)
	}
	return fmt.Sprintf("bytes=%d-%d", r.Offset, r.Offset+r.Length-1)
}

// Body is an image's data on their way. It must be closed.
type Body struct {
	io.ReadCloser
	Image  *meta.Image // as the reply describes it
	Offset int64       // where the body begins: that of the range, or 0 when the server ignored it
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
	op.header = make(http.Header)
	if r != (Range{}) {
		op.header.Set("Range", r.header())
	}
	if !c.keepsConnection() {
		op.header.Set("Connection", "close")
	}
	op.accept = func(resp *http.Response) (err error) {
		if body, err = acceptBody(op, resp, r); err != nil {
			_ = resp.Body.Close()
		}
		return err
	}
	return body, c.send(ctx, op)
}

func acceptBody(op call, resp *http.Response, r Range) (*Body, error) {
	img, err := meta.ImageFromHeader(resp.Header)
	if err != nil {
		return nil, badReply(resp.Request.Context(), op, err)
	}
	if img.ID != op.id {
		return nil, mismatch(op, "it is image %s", img.ID)
	}
	body := &Body{ReadCloser: resp.Body, Image: img}
	if resp.StatusCode != http.StatusPartialContent {
		return body, nil
	}
	body.Offset, err = rangeStart(resp.Header.Get("Content-Range"))
	if err != nil || body.Offset != r.Offset {
		return nil, mismatch(op, "Content-Range %q where %s was asked for", resp.Header.Get("Content-Range"), r.header())
	}
	return body, nil
}

// rangeStart returns a of "bytes a-b/size".
func rangeStart(contentRange string) (int64, error) {
	span, ok := strings.CutPrefix(contentRange, "bytes ")
	if !ok {
		return 0, fmt.Errorf("not a byte range: %q", contentRange)
	}
	first, _, _ := strings.Cut(span, "-")
	return strconv.ParseInt(first, 10, 64)
}
