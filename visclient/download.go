package visclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// fruitlessTries bounds the bodies in a row that bring nothing new. With the pauses
// between them that is some seconds: as long as the original server may take to show
// the end of an image that was just uploaded.
const fruitlessTries = 12

// copyBytes is what a download moves at a time.
const copyBytes = 128 << 10

// Download writes the data of an image to w, from offset to the end: the bytes of the
// version that img describes, and of no other. It returns how many it wrote, also
// with an error, so that a later call can go on from there.
//
// A body that breaks, or ends early, is resumed at the next missing byte, until a dozen
// in a row brought nothing. Where the server ignores ranges, what comes before is
// skipped. An img.Size of 0 means that the size is not known, as for some images with
// a location: then any regular end is the end.
//
// Download compares sizes and versions, not content: the caller hashes what it gets
// and compares that with img.Checksum, see [meta.IsMD5].
// Errors: those of [Client.GetImage]; ErrMismatch also when the server has another
// version, or more bytes than img.Size; w's own.
func (c *Client) Download(ctx context.Context, img *meta.Image, offset int64, w io.Writer) (n int64, err error) {
	d := &download{client: c, img: img, call: call{op: "download image", id: img.ID}, to: w, pos: offset}
	switch {
	case offset < 0 || img.Size > 0 && offset > img.Size:
		return 0, invalid(d.call, fmt.Errorf("offset %d of an image of %d bytes", offset, img.Size))
	case img.Size > 0 && offset == img.Size:
		return 0, nil
	}
	err = d.run(ctx)
	return d.pos - offset, err
}

// download is an image on its way to a writer.
type download struct {
	client *Client
	img    *meta.Image
	call   call // for errors
	to     io.Writer
	buf    []byte

	pos int64 // of the next byte wanted
	err error // of to
}

// run opens body after body until all bytes are written.
func (d *download) run(ctx context.Context) error {
	d.buf = make([]byte, copyBytes)
	pause := newPause()
	for fruitless := 0; ; {
		start := d.pos
		err := d.next(ctx)
		var broken *brokenBody
		if err == nil || !errors.As(err, &broken) {
			return err
		}
		if d.pos > start {
			fruitless = 0
			pause.Reset()
		} else if fruitless++; fruitless == fruitlessTries || errors.Is(err, ErrTimeout) {
			return err
		}
		select {
		case <-time.After(pause.NextBackOff()):
		case <-ctx.Done():
			return fail(ctx, d.call, err)
		}
	}
}

// brokenBody is a body that ended before the image did. Another may bring the rest.
type brokenBody struct {
	pos, size int64
	err       error
}

func (b *brokenBody) Error() string {
	if b.size == 0 {
		return fmt.Sprintf("the body broke at byte %d: %v", b.pos, b.err)
	}
	return fmt.Sprintf("the body broke at byte %d of %d: %v", b.pos, b.size, b.err)
}

func (b *brokenBody) Unwrap() error { return b.err }

// next takes what one body brings.
func (d *download) next(ctx context.Context) error {
	body, err := d.client.GetImage(ctx, d.img.ID, Range{Offset: d.pos})
	if err != nil {
		return err
	}
	defer body.Close()
	if got, want := body.Image.Version(), d.img.Version(); got != want {
		return mismatch(d.call, "it is of version %q where %q was asked for", got, want)
	}
	err = d.take(body)
	switch {
	case err == nil:
		return d.checkEnd(body)
	case d.err != nil:
		return &Error{Op: d.call.op, ID: d.call.id, Err: d.err}
	case ctx.Err() != nil:
		return fail(ctx, d.call, err)
	}
	return &Error{Op: d.call.op, ID: d.call.id, Err: &brokenBody{d.pos, d.img.Size, err}}
}

// take writes the body from pos on, and no more than the image has.
func (d *download) take(body *Body) error {
	if skip := d.pos - body.Offset; skip > 0 {
		if err := d.copyN(io.Discard, body, skip); err != nil {
			return err
		}
	}
	if d.img.Size == 0 {
		_, err := io.CopyBuffer(counted{d}, body, d.buf)
		return err
	}
	return d.copyN(counted{d}, body, d.img.Size-d.pos)
}

// copyN copies n bytes; a body that ends before is an error.
func (d *download) copyN(w io.Writer, body io.Reader, n int64) error {
	copied, err := io.CopyBuffer(w, io.LimitReader(body, n), d.buf)
	if err == nil && copied < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// checkEnd looks for bytes after the last. How else the body ends does not matter
// any more; its regular end keeps the connection for the next request.
func (d *download) checkEnd(body *Body) error {
	if n, _ := body.Read(make([]byte, 1)); n > 0 {
		return mismatch(d.call, "it has more than the %d bytes that it should have", d.img.Size)
	}
	return nil
}

// counted moves pos with what is written, and keeps the writer's error apart from the body's.
type counted struct{ *download }

func (c counted) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.pos += int64(n)
	c.err = err
	return n, err
}
