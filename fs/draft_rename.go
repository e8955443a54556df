package fs

import (
	"context"
	"maps"

	"github.com/visorfs/visorfs/meta"
)

// rename gives the file another path. What the server has of it is renamed there; the
// name of what is still to come goes with its commit. Over another file, what was
// written so far is committed first, so that the other is never lost for less.
func (d *draft) rename(ctx context.Context, dst place) error {
	if dst.isFile() {
		if err := d.commit(ctx, nil); err != nil {
			return err
		}
	}
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	d.mu.Lock()
	from, stored, failed, discarded := d.path, d.stored, d.failed, d.discarded
	fields := d.vol.renamed(d.shown, dst.path)
	d.mu.Unlock()
	switch {
	case failed != nil:
		return failed
	case discarded:
		return errStale
	}
	if stored != nil {
		var err error
		if stored, err = d.vol.moveImage(ctx, stored, dst); err != nil {
			return err
		}
	}
	d.node.mu.Lock() // so that a draft which ends now is unpinned where it is pinned
	defer d.node.mu.Unlock()
	d.setPath(dst.path, stored, fields)
	if d.node.draft == d { // and not one that was opened after this one had ended
		d.vol.repin(from, dst.path, d.node)
	}
	return nil
}

// setPath notes the new path, and what the server now has. Fields that the upload which
// runs has sent otherwise go with the commit.
func (d *draft) setPath(to string, stored *meta.Image, fields meta.Fields) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stream != nil {
		d.vol.expect(d.stream.upload.parcel.name, d.node)
	}
	d.path, d.stored = to, stored
	if stored != nil && !d.changed {
		d.shown = stored
		return
	}
	pending := maps.Clone(d.fields)
	if pending == nil {
		pending = make(meta.Fields)
	}
	maps.Copy(pending, fields)
	d.fields = pending
	d.show(func(img *meta.Image) { _ = img.Apply(fields) }) // text attributes take any text
}
