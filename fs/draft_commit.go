package fs

import (
	"context"
	"errors"
	"io"
	"maps"

	"github.com/visorfs/visorfs/meta"
)

// sender returns what the first write starts: a PUT to an image that waits for data,
// and otherwise a POST of a new one. The caller holds mu.
func (d *draft) sender(fields meta.Fields) sendFunc {
	if stored := d.stored; stored != nil && stored.Status.TakesData() {
		return func(ctx context.Context, body io.Reader) (*meta.Image, error) {
			return d.vol.client.PutImage(ctx, stored.ID, stored.Changed(fields), body)
		}
	}
	return func(ctx context.Context, body io.Reader) (*meta.Image, error) {
		return d.vol.client.PostImage(ctx, fields, body)
	}
}

// takeFields returns the fields to send with the next POST or PUT. One that replaces
// a stored image carries that image's, but for its modification time.
func (d *draft) takeFields() meta.Fields {
	fields := make(meta.Fields)
	if d.truncated {
		maps.Copy(fields, writable(d.stored))
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

// commit makes the server hold what was written through a handle (nil: through any),
// and reports whether it does. A file that nothing was ever written to is registered
// without data. The caller does not have the turn.
func (d *draft) commit(ctx context.Context, h *writeHandle) error {
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
	case endUpload:
		if err := d.finish(ctx); err != nil {
			return err
		}
	case register:
		if err := d.register(ctx); err != nil {
			return err
		}
	}
	return d.sendFields(ctx)
}

// work is what a commit has to do.
type work int

const (
	noWork     work = iota
	sendFields      // metadata that were set after the upload had begun
	register        // the file without data
	endUpload
)

func (d *draft) outstanding(h *writeHandle) (work, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.discarded:
		return noWork, nil
	case d.failed != nil:
		return noWork, d.failed
	case h != nil && h.epoch != 0 && h.epoch != d.epoch:
		return noWork, errOverwritten
	case d.pending() && h != nil && h.epoch == 0:
		return noWork, nil // what another handle writes is that one's to end
	case d.pending():
		return endUpload, nil
	case d.stored == nil:
		return register, nil
	case d.truncated:
		return noWork, nil // the next write, or the end, replaces what is stored
	}
	return sendFields, nil
}

// finish ends the upload, which is started here if the file is nothing but zeros.
func (d *draft) finish(ctx context.Context) error {
	d.mu.Lock()
	u, size := d.running(), d.shown.Size
	if d.truncated {
		defer d.vol.catalog.Expect(d.shown.Name)()
	}
	d.mu.Unlock()
	err := d.pad(ctx, u, size)
	var img *meta.Image
	if err == nil {
		img, err = u.finish(ctx)
	}
	if err != nil {
		d.fail(err)
		return err
	}
	d.mu.Lock()
	d.copy.Keep(cacheKey(img)) // the server's MD5 was that of these bytes
	d.upload, d.sent, d.copy, d.written = nil, nil, nil, 0
	d.registered = false
	d.mu.Unlock()
	return d.replace(ctx, img)
}

// register posts the file's metadata alone.
func (d *draft) register(ctx context.Context) error {
	d.mu.Lock()
	fields := d.takeFields()
	d.mu.Unlock()
	img, err := d.vol.client.PostImage(ctx, fields, nil)
	if err != nil {
		d.fail(err)
		return err
	}
	d.mu.Lock()
	d.registered = d.stored == nil
	d.mu.Unlock()
	return d.replace(ctx, img)
}

// replace makes an image that the server has the file's, and deletes the one that
// it takes the place of.
func (d *draft) replace(ctx context.Context, img *meta.Image) error {
	d.mu.Lock()
	old, truncated := d.stored, d.truncated
	d.mu.Unlock()
	if old == nil || old.ID == img.ID || !truncated {
		d.vol.catalog.Put(img)
		d.store(img)
		return nil
	}
	d.vol.catalog.Replace(old.ID, img)
	d.store(img)
	err := d.vol.delete(ctx, old.ID)
	if err != nil {
		d.vol.catalog.Put(old) // it is still there
	}
	return err
}

// sendFields sends the metadata that were set after the upload had begun.
func (d *draft) sendFields(ctx context.Context) error {
	d.mu.Lock()
	var fields meta.Fields
	if !d.truncated {
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
	failed := d.failed != nil
	empty := !failed && !d.discarded && d.truncated && !d.pending()
	d.mu.Unlock()
	switch {
	case failed:
		return nil
	case empty:
		return d.replaceByEmpty(ctx)
	}
	return d.commit(ctx, nil)
}

// replaceByEmpty registers an image without data in the place of a truncated one.
func (d *draft) replaceByEmpty(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	return errors.Join(d.register(ctx), d.sendFields(ctx))
}
