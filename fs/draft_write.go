package fs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

var (
	errInPlace     = fmt.Errorf("changing a part of what is stored: %w (write the file anew, from its start)", errUnsupported)
	errOverwritten = errors.New("another program emptied the file and writes it; what this one wrote is lost")
)

// write appends p to the upload, which the first write starts. What lies between the
// last byte and off is zeros, as in a sparse file. A write that cannot be done breaks
// the upload: whoever overlooks the error must not find a part of the file stored.
func (d *draft) write(ctx context.Context, h *writeHandle, p []byte, off int64) error {
	err := d.take(ctx)
	if err != nil {
		return err
	}
	defer d.pass()
	if limit := d.vol.client.MaxImageBytes(); off > limit-int64(len(p)) {
		err = fmt.Errorf("%w: it takes %d bytes", visclient.ErrTooLarge, limit)
		d.fail(err)
		return err
	}
	u, err := d.uploadAt(h, off)
	if err == nil {
		err = d.send(ctx, u, p, off)
	}
	if err == nil {
		d.grow(off + int64(len(p)))
		return nil
	}
	if ctx.Err() == nil && !errors.Is(err, errInPlace) && !errors.Is(err, errOverwritten) {
		d.fail(err)
	}
	return err
}

// uploadAt returns the upload that takes bytes at an offset next. The caller has
// the turn.
func (d *draft) uploadAt(h *writeHandle, off int64) (*upload, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.failed != nil:
		return nil, d.failed
	case d.discarded:
		return nil, errStale
	case !h.join(d.epoch):
		return nil, errOverwritten
	case d.holdsData() && d.upload == nil:
		return nil, errInPlace
	case off < d.written:
		return nil, fmt.Errorf("writing at %d when %d bytes are uploaded: %w (copy the file in from its start to its end)", off, d.written, errUnsupported)
	}
	return d.running(), nil
}

// running returns the upload, and starts it if need be. The caller holds mu.
func (d *draft) running() *upload {
	if d.upload == nil {
		d.sent = d.takeFields()
		d.upload = startUpload(d.sender(d.sent))
		d.copy = d.vol.cache.Fill()
	}
	return d.upload
}

// send queues zeros up to off, then p.
func (d *draft) send(ctx context.Context, u *upload, p []byte, off int64) error {
	if err := d.pad(ctx, u, off); err != nil {
		return err
	}
	if err := u.write(ctx, p); err != nil {
		return err
	}
	d.gave(p)
	return nil
}

// pad queues zeros up to an offset.
func (d *draft) pad(ctx context.Context, u *upload, to int64) error {
	for {
		d.mu.Lock()
		at := d.written
		d.mu.Unlock()
		if at >= to {
			return nil
		}
		n := min(to-at, int64(len(zeros)))
		if err := u.write(ctx, zeros[:n]); err != nil {
			return err
		}
		d.gave(zeros[:n])
	}
}

var zeros [1 << 20]byte

// gave notes what the upload took. The caller has the turn, without which nobody
// touches copy: megabytes are not copied under mu.
func (d *draft) gave(p []byte) {
	d.copy.Write(p)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written += int64(len(p))
}

// grow shows the file as written up to an offset, now.
func (d *draft) grow(to int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.fields, mtimeKey) // set before this write
	d.show(func(img *meta.Image) {
		img.Size = max(img.Size, to)
		img.UploadedAt = time.Now()
		delete(img.Other, mtimeKey)
	})
}

// truncate changes the file's length: to 0, so that it is written anew, or beyond what
// is uploaded, in zeros. h is the handle it came through, if that is known.
func (d *draft) truncate(ctx context.Context, h *writeHandle, size int64) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	u, err := d.resize(h, size)
	if u != nil {
		u.abort()
	}
	if err != nil && !errors.Is(err, errInPlace) {
		d.fail(err)
	}
	return err
}

// resize notes the new length and returns the upload that it makes void.
func (d *draft) resize(h *writeHandle, size int64) (void *upload, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.failed != nil:
		return nil, d.failed
	case size == d.shown.Size:
		return nil, nil
	case size == 0:
		void = d.dropUpload()
		d.truncated = d.stored != nil && !d.stored.Status.TakesData()
		d.epoch++
		if h != nil {
			h.epoch = d.epoch
		}
	case d.holdsData() && d.upload == nil:
		return nil, errInPlace
	case size < d.written:
		return nil, fmt.Errorf("truncating to %d when %d bytes are uploaded: %w", size, d.written, errUnsupported)
	case h != nil && !h.join(d.epoch):
		return nil, errOverwritten
	}
	d.show(func(img *meta.Image) { img.Size, img.UploadedAt = size, time.Now() })
	return void, nil
}
