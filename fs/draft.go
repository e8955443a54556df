package fs

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// draft is a file while it is open for writing, through however many handles: its
// pending metadata, its content, and the upload that keeps up with writes in order. It
// ends when the last of the writing handles is released.
type draft struct {
	vol     *volume
	node    *imageNode
	content *content

	// turn is held, as the one element of the channel, by whoever writes or commits,
	// across the I/O that this needs.
	turn chan struct{}

	handles int // that are open; guarded by node.mu

	began time.Time // when the file was opened

	stream *stream // touched with the turn alone, but to abort it

	mu         sync.Mutex
	path       string
	sending    *delivery   // the last that was to take the content; nil for none
	stored     *meta.Image // what the server has of the file; nil for nothing
	registered bool        // stored is an image without data that this draft registered
	shown      *meta.Image // what programs see: stored, with all changes
	fields     meta.Fields // set, but not yet sent
	changed    bool        // the content is not what is stored
	byPath     bool        // it was changed through no handle, so that any may end it
	epoch      int         // counts commits; see draftHandle
	emptied    []emptying  // in order
	closed     int         // handles whose close() has returned; see draftHandle
	discarded  bool        // the file was removed
	failed     error       // of a write or a commit; whatever comes after it fails as well
}

// emptying is that the file was truncated to nothing.
type emptying struct {
	epoch   int
	process int // that did so; 0 when it is not known
}

// newDraft starts the draft of a new file (stored is nil), or of an image.
func newDraft(n *imageNode, path string, stored *meta.Image, fields meta.Fields) (*draft, error) {
	d := &draft{
		vol: n.vol, node: n, path: path,
		content: &content{name: path, spool: n.vol.spool},
		turn:    make(chan struct{}, 1),
		began:   time.Now(),
		stored:  stored,
		fields:  fields,
		epoch:   1,
	}
	if stored == nil {
		d.shown = &meta.Image{Owner: n.vol.client.AccessKey(), CreatedAt: time.Now()}
		_ = d.shown.Apply(fields) // text attributes take any text
		return d, nil
	}
	d.shown = stored.Clone()
	if stored.Status.TakesData() {
		d.shown.Size = 0 // whatever a failed upload left in the record
		return d, nil
	}
	base, err := n.vol.openReader(stored)
	if err != nil {
		return nil, err
	}
	d.content.size.Store(stored.Size)
	d.content.rebase(base)
	return d, nil
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

// name returns the path that leads to the file.
func (d *draft) name() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.path
}

// show changes what programs see. The caller holds mu.
func (d *draft) show(change func(*meta.Image)) {
	img := d.shown.Clone()
	change(img)
	d.shown = img
}

// replaces reports whether the next commit takes the place of stored data. The caller
// holds mu.
func (d *draft) replaces() bool {
	return d.changed && d.stored != nil && !d.stored.Status.TakesData()
}

// setFields changes metadata: with the commit if there is one to come, at once otherwise.
func (d *draft) setFields(ctx context.Context, fields meta.Fields) error {
	d.mu.Lock()
	if d.stored == nil || d.changed || d.discarded {
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

// store notes what the server has. What was set while it was sent shows all the same. The
// caller has the turn.
func (d *draft) store(img *meta.Image) {
	d.node.setID(img.ID)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stored, d.shown = img, img
	if len(d.fields) > 0 {
		d.show(func(img *meta.Image) { _ = img.Apply(d.fields) }) // validated when they were set
	}
}

// fail makes this and whatever else comes through the draft's handles fail, drops what
// was written, and takes back an image without data that the draft registered. The
// caller has the turn.
func (d *draft) fail(err error) {
	if s := d.dropStream(); s != nil {
		s.upload.leave()
	}
	d.mu.Lock()
	if d.failed == nil {
		d.failed = err
		d.vol.ended.addFailed(d.upload(), err)
	}
	stored, registered := d.stored, d.registered
	d.registered = false
	d.mu.Unlock()
	if registered {
		d.takeBack(stored)
	}
	d.node.detach(d)
	d.content.release()
	d.node.forgetPages()
}

// takeBack deletes what a failed draft stored. A server that is away keeps it.
func (d *draft) takeBack(img *meta.Image) {
	const patience = 3 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.vol.deleteSettling(ctx, img.ID); err != nil {
		d.vol.log.Info("an image stays that should be deleted again: "+err.Error(), "path", "/"+d.name(), "id", string(img.ID))
	}
}

// abandon breaks off what was written through a handle, because its program was
// killed: a part of an image is none. It reports whether there was anything.
func (d *draft) abandon(h *draftHandle) bool {
	d.mu.Lock()
	s := d.stream
	its := d.changed && h.wroteIn(d.epoch) || !d.changed && d.registered
	d.mu.Unlock()
	if !its {
		return false
	}
	if s != nil {
		s.upload.cancel() // first, so that a write that waits for the server passes the turn
	}
	_ = d.take(context.Background())
	defer d.pass()
	d.fail(errKilled)
	return true
}

// isUnsaved reports whether there is something that the server should have and has not.
func (d *draft) isUnsaved() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed == nil && !d.discarded && (d.stored == nil || d.changed)
}

// discard removes the file: what was uploaded so far, and what is stored. Who has it
// open goes on with what no one else sees.
func (d *draft) discard(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	d.abortStream()
	d.mu.Lock()
	stored := d.stored
	d.mu.Unlock()
	if stored != nil {
		if err := d.vol.deleteSettling(ctx, stored.ID); err != nil {
			if !d.content.isSpooled() {
				d.fail(errors.Join(errStale, err))
			}
			return err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.discarded = true
	return nil
}
