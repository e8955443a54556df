package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// parcel returns what stores the content with the fields that are pending: a PUT to an
// image that waits for data, and otherwise a POST of a new one. The caller holds mu.
func (d *draft) parcel() parcel {
	stored, fields := d.stored, d.takeFields()
	p := parcel{name: d.shown.Name, fields: fields}
	if stored != nil && stored.Status.TakesData() {
		p.send = func(ctx context.Context, body io.Reader) (*meta.Image, error) {
			return d.vol.client.PutImage(ctx, stored.ID, stored.Changed(fields), body)
		}
		return p
	}
	var replaced []meta.ID // which is not the new one, whatever the two have in common
	if stored != nil {
		replaced = append(replaced, stored.ID)
	}
	p.isNew = true
	p.send = func(ctx context.Context, body io.Reader) (*meta.Image, error) {
		return d.vol.client.PostImage(ctx, fields, body, replaced...)
	}
	return p
}

// unpack makes the fields of a parcel that did not arrive pending again. The caller holds
// mu.
func (d *draft) unpack(p parcel) {
	fields := maps.Clone(p.fields) // the delivery may still read them
	maps.Copy(fields, d.fields)
	d.fields = fields
}

// takeFields returns the fields to send with the next POST or PUT. One that replaces
// a stored image carries that image's, but for its modification time. The caller holds mu.
func (d *draft) takeFields() meta.Fields {
	fields := make(meta.Fields)
	if stored := d.stored; stored != nil && !stored.Status.TakesData() {
		maps.Copy(fields, writable(stored))
		delete(fields, mtimeKey)
	}
	maps.Copy(fields, d.fields)
	d.fields = nil
	return fields
}

// writable returns the attributes of an image that a copy of it is registered with.
func writable(img *meta.Image) meta.Fields {
	fields := make(meta.Fields)
	for _, name := range img.Names() {
		a, _ := meta.Lookup(name)
		if !a.ServerOwned() && name != "location" && name != "store" {
			fields[name], _ = img.Get(name)
		}
	}
	return fields
}

// commit makes the server hold what was written. Through a handle it does so only if
// something was written through that: what another one writes is that one's to end. A
// file that nothing was ever written to is registered without data. The caller does not
// have the turn.
func (d *draft) commit(ctx context.Context, h *draftHandle) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	todo, err := d.outstanding(h)
	if err != nil {
		return err
	}
	switch todo {
	case noWork:
		return nil
	case storeContent:
		err = d.storeContent(ctx)
	case register:
		err = d.register(ctx)
	}
	if err != nil {
		return err
	}
	return d.sendFields(ctx)
}

// work is what a commit has to do.
type work int

const (
	noWork       work = iota
	sendFields        // metadata that were set after the upload had begun
	register          // the file without data
	storeContent      // the data
)

func (d *draft) outstanding(h *draftHandle) (work, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	empty := d.content.length() == 0
	switch {
	case d.discarded:
		return noWork, nil
	case d.failed != nil:
		return noWork, d.failed
	case h != nil && h.wrote > 0 && h.isVoid():
		return noWork, errOverwritten
	case d.changed && !empty && h != nil && !h.wroteIn(d.epoch) && !d.byPath:
		return noWork, nil
	case d.changed && !empty:
		return storeContent, nil
	case d.replaces() && h != nil:
		return noWork, nil // the next write, or the end, replaces what is stored
	case d.stored == nil || d.replaces():
		return register, nil
	}
	return sendFields, nil
}

// storeContent uploads what has not been uploaded yet.
func (d *draft) storeContent(ctx context.Context) error {
	defer d.expect()()
	img, err := d.finishStream(ctx)
	if img == nil && err == nil {
		img, err = d.sendWhole(ctx)
	}
	if err == nil {
		err = d.replace(ctx, img)
	}
	if err != nil {
		if ctx.Err() == nil {
			d.salvage()
		}
		d.fail(err)
		return err
	}
	d.vol.ended.addStored(d.content.length())
	d.mu.Lock()
	d.registered = false
	d.mu.Unlock()
	return nil
}

// expect hides the image that is about to replace the stored one, until done is called.
func (d *draft) expect() (done func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.replaces() {
		return func() {}
	}
	return d.vol.catalog.Expect(d.shown.Name)
}

// finishStream ends the upload that went with the writes. It returns neither an image nor
// an error when the whole is to be sent.
func (d *draft) finishStream(ctx context.Context) (*meta.Image, error) {
	err := d.giveRange(ctx, d.content.length())
	s := d.stream
	if s == nil || err != nil {
		return nil, err
	}
	img, err := s.upload.finish(ctx)
	switch {
	case err == nil:
	case ctx.Err() == nil && d.canResend(err):
		d.abortStream()
		return nil, nil
	default:
		return nil, err
	}
	d.mu.Lock()
	d.stream = nil
	d.mu.Unlock()
	return img, nil
}

// canResend tells whether sending everything once more may help, and everything is there.
// At the end of the mount it doesn't help, but it is the commit that keeps the content then.
func (d *draft) canResend(err error) bool {
	return (visclient.MayPass(err) || errors.Is(err, errStopped)) && d.content.isSpooled()
}

// sendWhole sends the content from its start to its end.
func (d *draft) sendWhole(ctx context.Context) (*meta.Image, error) {
	d.mu.Lock()
	p := d.parcel()
	sending := d.vol.deliver(p, func(ctx context.Context) io.Reader { return d.content.body(ctx) })
	d.sending = sending
	d.mu.Unlock()
	img, err := sending.wait(ctx)
	if err != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.unpack(p)
	}
	return img, err
}

// salvage keeps what could not be uploaded, and says where.
func (d *draft) salvage() {
	path, err := d.content.salvage()
	switch {
	case err != nil:
		d.vol.log.Error("what could not be uploaded is lost: "+err.Error(), "path", "/"+d.name())
	case path != "":
		d.vol.log.Info("what could not be uploaded is kept; what of it was not written reads as zeros", "path", "/"+d.name(), "file", path)
	}
}

// register posts the file's metadata alone.
func (d *draft) register(ctx context.Context) error {
	defer d.expect()()
	d.mu.Lock()
	p := d.parcel()
	d.mu.Unlock()
	img, err := d.vol.deliver(p, func(context.Context) io.Reader { return nil }).wait(ctx)
	d.mu.Lock()
	isFirst := d.stored == nil
	d.mu.Unlock()
	if err == nil {
		err = d.replace(ctx, img)
	}
	if err != nil {
		d.fail(err)
		return err
	}
	d.mu.Lock()
	d.registered = isFirst
	d.mu.Unlock()
	return nil
}

// replace makes an image that the server has the file's, and deletes the one that it
// takes the place of. If the server refuses that, the new one is deleted, so that there is
// one of them.
func (d *draft) replace(ctx context.Context, img *meta.Image) error {
	d.mu.Lock()
	old, replaces := d.stored, d.replaces()
	d.mu.Unlock()
	if replaces && old.ID != img.ID {
		d.vol.catalog.Replace(old.ID, d.named(img))
		if err := d.deleteReplaced(ctx, old, img); err != nil {
			d.vol.catalog.Put(old)
			return fmt.Errorf("the image %s that was to be replaced could not be deleted: %w", old.ID, err)
		}
	} else {
		d.vol.catalog.Put(d.named(img))
	}
	if err := d.rebase(img); err != nil {
		return err
	}
	d.mu.Lock()
	d.changed, d.byPath = false, false
	d.epoch++
	d.mu.Unlock()
	d.store(img)
	return nil
}

// deleteReplaced deletes the old image. Where nobody knows whether that was done both are
// left: better two of them than none.
func (d *draft) deleteReplaced(ctx context.Context, old, img *meta.Image) error {
	err := d.vol.delete(ctx, old.ID)
	if err != nil && refused(err) {
		d.takeBack(img)
	}
	return err
}

// named returns an image under the name that it is about to get, if the file was renamed
// while it was uploaded.
func (d *draft) named(img *meta.Image) *meta.Image {
	d.mu.Lock()
	defer d.mu.Unlock()
	if name := d.fields["name"]; name != "" {
		img = img.Clone()
		img.Name = name
	}
	return img
}

// rebase makes an image that holds all of the content what lies below later writes.
func (d *draft) rebase(img *meta.Image) error {
	if img.Status.TakesData() {
		return nil
	}
	base, err := d.vol.openReader(img)
	if err != nil {
		return err
	}
	d.content.rebase(base)
	return nil
}

// sendFields sends the metadata that were set after the upload had begun.
func (d *draft) sendFields(ctx context.Context) error {
	d.mu.Lock()
	var fields meta.Fields
	if !d.changed {
		fields, d.fields = d.fields, nil
	}
	d.mu.Unlock()
	if len(fields) == 0 {
		return nil
	}
	return d.put(ctx, fields)
}

// end commits what no close() has: what a forked child wrote, or a truncation that
// nothing followed.
func (d *draft) end(ctx context.Context) error {
	d.mu.Lock()
	failed := d.failed
	d.mu.Unlock()
	if failed != nil {
		return nil // which was said
	}
	return d.commit(ctx, nil)
}

// retire is the draft's end once nobody can write: what was written stays as a copy of
// the image.
func (d *draft) retire() {
	d.mu.Lock()
	stored, clean := d.stored, d.failed == nil && !d.discarded && !d.changed
	d.mu.Unlock()
	if clean && stored != nil {
		if f := d.content.take(); f != nil {
			d.vol.copies.add(stored.Version(), f)
		}
	}
	d.content.release()
}

// committed returns what the server has of the file, and how often that was changed.
func (d *draft) committed() (*meta.Image, int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stored, d.epoch - 1
}
