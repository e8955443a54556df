package fs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/visorfs/visorfs/meta"
)

var errInPlace = fmt.Errorf("changing a part of what is stored: %w (write the file anew, from its start)", errUnsupported)

// draft is a file while it is open for writing: its pending metadata, and the upload
// that its writes feed. It ends when the last of the writing handles is released.
type draft struct {
	vol  *volume
	node *imageNode
	path string

	// turn is held, as the one element of the channel, by whoever writes or commits,
	// across the I/O that this needs.
	turn chan struct{}

	mu        sync.Mutex
	stored    *meta.Image // what the server has of the file; nil for nothing
	shown     *meta.Image // what programs see: stored, with all changes
	fields    meta.Fields // set, but not yet sent
	upload    *upload     // running; nil when nothing was written since the last commit
	truncated bool        // the stored data are to be replaced by what comes
	discarded bool        // the file was removed
	failed    error       // of the upload; whatever comes after it fails as well
}

// newDraft starts the draft of a new file (stored is nil), or of an image.
func newDraft(n *imageNode, path string, stored *meta.Image, fields meta.Fields) *draft {
	d := &draft{
		vol: n.vol, node: n, path: path,
		turn:   make(chan struct{}, 1),
		stored: stored,
		fields: fields,
	}
	if stored != nil {
		d.shown = stored.Clone()
	} else {
		d.shown = &meta.Image{Owner: n.vol.client.AccessKey(), CreatedAt: time.Now()}
		_ = d.shown.Apply(fields) // text attributes take any text
	}
	return d
}

// take waits for the draft's turn.
func (d *draft) take(ctx context.Context) error {
	select { // without a look at ctx, which would start watching its caller
	case d.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case d.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (d *draft) pass() { <-d.turn }

// image returns what programs see of the file. It must not be changed.
func (d *draft) image() *meta.Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.shown
}

// show changes what programs see. The caller holds mu.
func (d *draft) show(change func(*meta.Image)) {
	img := d.shown.Clone()
	change(img)
	d.shown = img
}

// dirty reports whether the file is not what the server has.
func (d *draft) dirty() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stored == nil || d.upload != nil || d.truncated || d.failed != nil
}

// write appends p to the upload, which the first write starts.
func (d *draft) write(ctx context.Context, p []byte, off int64) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	u, err := d.uploadAt(off)
	if err != nil {
		return err
	}
	if err := u.write(ctx, p); err != nil {
		if ctx.Err() == nil {
			d.fail(err)
		}
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.fields, mtimeKey) // set before this write
	d.show(func(img *meta.Image) {
		img.Size = off + int64(len(p))
		img.UploadedAt = time.Now()
		delete(img.Other, mtimeKey)
	})
	return nil
}

// uploadAt returns the upload that takes bytes at an offset next. The caller has
// the turn.
func (d *draft) uploadAt(off int64) (*upload, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.failed != nil:
		return nil, d.failed
	case d.discarded:
		return nil, errStale
	case d.upload == nil && d.holdsData():
		return nil, errInPlace
	case off != d.shown.Size:
		return nil, fmt.Errorf("writing at %d where %d comes next: %w (copy the file in from its start to its end)", off, d.shown.Size, errUnsupported)
	}
	if d.upload == nil {
		d.upload = startUpload(d.sender())
	}
	return d.upload, nil
}

// holdsData reports whether there are stored data that are not to be replaced. The
// caller holds mu.
func (d *draft) holdsData() bool {
	return d.stored != nil && !d.stored.Status.TakesData() && !d.truncated
}

// truncate makes the file empty; any other change of its length is not supported.
func (d *draft) truncate(ctx context.Context, size int64) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	d.mu.Lock()
	u := d.upload
	switch {
	case size == d.shown.Size:
		d.mu.Unlock()
		return nil
	case size != 0:
		d.mu.Unlock()
		return errInPlace
	}
	d.upload = nil
	d.truncated = d.stored != nil && !d.stored.Status.TakesData()
	d.show(func(img *meta.Image) { img.Size, img.UploadedAt = 0, time.Now() })
	d.mu.Unlock()
	if u != nil {
		u.abort()
	}
	return nil
}

// setFields changes metadata: with the commit if there is one to come, at once otherwise.
func (d *draft) setFields(ctx context.Context, fields meta.Fields) error {
	d.mu.Lock()
	if d.stored == nil || d.upload != nil || d.truncated {
		defer d.mu.Unlock()
		if d.fields == nil {
			d.fields = make(meta.Fields)
		}
		maps.Copy(d.fields, fields)
		d.show(func(img *meta.Image) { _ = img.Apply(fields) }) // validated by the caller
		return nil
	}
	d.mu.Unlock()
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	return d.put(ctx, fields)
}

// put sends a change of the stored image's metadata. The caller has the turn.
func (d *draft) put(ctx context.Context, fields meta.Fields) error {
	updated, err := d.vol.putFields(ctx, d.stored, fields)
	if err == nil {
		d.store(updated)
	}
	return err
}

// store notes what the server has. The caller has the turn.
func (d *draft) store(img *meta.Image) {
	d.node.setID(img.ID)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stored, d.shown, d.truncated = img, img, false
}

func (d *draft) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failed = err
}

// abandon breaks the upload off, because who wrote it was killed: a part of an image
// is none. It reports whether there was one.
func (d *draft) abandon() bool {
	d.mu.Lock()
	u := d.upload
	d.mu.Unlock()
	if u == nil {
		return false
	}
	u.abort() // first, so that a write that waits for the server passes the turn
	_ = d.take(context.Background())
	defer d.pass()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.upload = nil
	if d.failed == nil {
		d.failed = errKilled
	}
	return true
}

// discard removes the file: what was uploaded so far, and what is stored.
func (d *draft) discard(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	d.mu.Lock()
	u, stored := d.upload, d.stored
	d.mu.Unlock()
	if u != nil {
		u.abort()
	}
	if stored != nil {
		if err := d.vol.delete(ctx, stored.ID); err != nil {
			d.fail(errors.Join(errStale, err))
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.upload, d.discarded = nil, true
	return nil
}
