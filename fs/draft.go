package fs

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/meta"
)

// draft is a file while it is open for writing: its pending metadata, and the upload
// that its writes feed. It ends when the last of the writing handles is released.
type draft struct {
	vol  *volume
	node *imageNode
	path string

	// turn is held, as the one element of the channel, by whoever writes or commits,
	// across the I/O that this needs.
	turn chan struct{}

	handles int // that are open; guarded by node.mu

	mu         sync.Mutex
	stored     *meta.Image // what the server has of the file; nil for nothing
	registered bool        // stored is an image without data that this draft registered
	shown      *meta.Image // what programs see: stored, with all changes
	fields     meta.Fields // set, but not yet sent

	upload    *upload     // running; nil when nothing was written since the last commit
	sent      meta.Fields // with upload
	copy      *cache.Fill // of upload, to be read back without a request; touched with the turn alone
	written   int64       // bytes given to upload; up to shown.Size zeros are still to come
	truncated bool        // the stored data are to be replaced by what comes
	epoch     int         // counts the times that the file was emptied; see writeHandle
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
		epoch:  1,
	}
	if stored != nil {
		d.shown = stored.Clone()
		if stored.Status.TakesData() {
			d.shown.Size = 0 // whatever a failed upload left in the record
		}
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
	return d.stored == nil || d.truncated || d.failed != nil || d.pending()
}

// pending reports whether there are data to commit. The caller holds mu.
func (d *draft) pending() bool {
	return d.upload != nil || !d.holdsData() && d.shown.Size > 0
}

// holdsData reports whether there are stored data that are not to be replaced. The
// caller holds mu.
func (d *draft) holdsData() bool {
	return d.stored != nil && !d.stored.Status.TakesData() && !d.truncated
}

// setFields changes metadata: with the commit if there is one to come, at once otherwise.
func (d *draft) setFields(ctx context.Context, fields meta.Fields) error {
	d.mu.Lock()
	if d.stored == nil || d.truncated || d.pending() {
		defer d.mu.Unlock()
		pending := make(meta.Fields)
		maps.Copy(pending, d.fields)
		maps.Copy(pending, fields)
		if err := d.vol.client.CheckFields(pending); err != nil {
			return err
		}
		d.fields = pending
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

// fail makes this and whatever else comes through the draft's handles fail, drops what
// was uploaded, and takes back an image without data that the draft registered. The
// caller has the turn.
func (d *draft) fail(err error) {
	d.mu.Lock()
	if d.failed == nil {
		d.failed = err
	}
	u, stored, registered := d.dropUpload(), d.stored, d.registered
	d.registered = false
	d.mu.Unlock()
	if u != nil {
		u.abort()
	}
	if registered {
		d.takeBack(stored)
	}
	d.node.detach(d)
}

// takeBack deletes what a failed draft registered. A server that is away keeps it.
func (d *draft) takeBack(img *meta.Image) {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.vol.deleteSettling(ctx, img.ID); err != nil {
		d.vol.log.Info("an image without data stays: "+err.Error(), "path", "/"+d.path, "id", string(img.ID))
	}
}

// dropUpload takes back the upload, for the caller to abort when it has released mu,
// which it holds.
func (d *draft) dropUpload() *upload {
	u := d.upload
	if u == nil {
		return nil
	}
	d.copy.Drop()
	fields := maps.Clone(d.sent) // the upload may still read them
	maps.Copy(fields, d.fields)
	d.upload, d.sent, d.copy, d.fields, d.written = nil, nil, nil, fields, 0
	return u
}

// abandon breaks off what was written through a handle, because its program was
// killed: a part of an image is none. It reports whether there was anything.
func (d *draft) abandon(h *writeHandle) bool {
	d.mu.Lock()
	u := d.upload
	its := d.pending() && h.epoch == d.epoch || !d.pending() && d.registered
	d.mu.Unlock()
	if !its {
		return false
	}
	if u != nil {
		u.abort() // first, so that a write that waits for the server passes the turn
	}
	_ = d.take(context.Background())
	defer d.pass()
	d.fail(errKilled)
	return true
}

// unsaved reports whether there is something that the server should have and has not.
func (d *draft) unsaved() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed == nil && !d.discarded && (d.stored == nil || d.pending())
}

// discard removes the file: what was uploaded so far, and what is stored.
func (d *draft) discard(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	d.mu.Lock()
	u, stored := d.dropUpload(), d.stored
	d.mu.Unlock()
	if u != nil {
		u.abort()
	}
	if stored != nil {
		if err := d.vol.deleteSettling(ctx, stored.ID); err != nil {
			d.fail(errors.Join(errStale, err))
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.discarded = true
	return nil
}
