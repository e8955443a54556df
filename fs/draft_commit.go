package fs

import (
	"context"
	"errors"
	"io"
	"maps"

	"github.com/visorfs/visorfs/meta"
)

// sender returns what the first write starts: a PUT to an image that waits for data,
// and otherwise a POST of a new one. It takes the pending fields with it. The caller
// holds mu.
func (d *draft) sender() sendFunc {
	fields := d.takeFields()
	if stored := d.stored; stored != nil && stored.Status.TakesData() {
		return func(ctx context.Context, body io.Reader) (*meta.Image, error) {
			return d.vol.client.PutImage(ctx, stored.ID, changed(stored, fields), body)
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

// commit makes the server hold what was written, and reports whether it does. A file
// that nothing was ever written to is registered without data. The caller does not
// have the turn.
func (d *draft) commit(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	d.mu.Lock()
	u, stored, failed, discarded := d.upload, d.stored, d.failed, d.discarded
	d.mu.Unlock()
	switch {
	case discarded:
		return nil
	case failed != nil:
		return failed
	case u != nil:
		if err := d.finish(ctx, u); err != nil {
			return err
		}
	case stored == nil:
		if err := d.register(ctx); err != nil {
			return err
		}
	}
	return d.sendFields(ctx)
}

// finish ends the running upload.
func (d *draft) finish(ctx context.Context, u *upload) error {
	img, err := u.finish(ctx)
	d.mu.Lock()
	d.upload = nil
	d.mu.Unlock()
	if err != nil {
		d.fail(err)
		return err
	}
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
	return d.replace(ctx, img)
}

// replace makes an image that the server has the file's, and deletes the one that
// it takes the place of.
func (d *draft) replace(ctx context.Context, img *meta.Image) error {
	d.mu.Lock()
	old, truncated := d.stored, d.truncated
	d.mu.Unlock()
	d.vol.catalog.Put(img)
	d.store(img)
	if old == nil || old.ID == img.ID || !truncated {
		return nil
	}
	return d.vol.delete(ctx, old.ID)
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
	pending := d.failed == nil && !d.discarded
	empty := pending && d.truncated && d.upload == nil
	d.mu.Unlock()
	switch {
	case empty:
		return d.replaceByEmpty(ctx)
	case pending:
		return d.commit(ctx)
	}
	return nil
}

// replaceByEmpty registers an image without data in the place of a truncated one.
func (d *draft) replaceByEmpty(ctx context.Context) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	return errors.Join(d.register(ctx), d.sendFields(ctx))
}

// changed returns the fields that are not what an image has. VIS replaces custom
// attributes as a set, so a change of one carries them all.
func changed(img *meta.Image, fields meta.Fields) meta.Fields {
	diff := make(meta.Fields)
	custom := false
	for name, value := range fields {
		if old, _ := img.Get(name); old == value {
			continue
		}
		diff[name] = value
		if _, known := meta.Lookup(name); !known {
			custom = true
		}
	}
	if !custom {
		return diff
	}
	for name, value := range img.Other {
		if _, set := diff[name]; !set {
			diff[name] = value
		}
	}
	return diff
}
