package fs

import (
	"cmp"
	"context"
	"errors"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

var _ = (gofuse.NodeMkdirer)((*dirNode)(nil))

// Mkdir makes a directory in this mount: the server gets to know of it with the first
// image in it.
func (d *dirNode) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	d.busy.Add(1)
	defer d.busy.Add(-1)
	p := d.child(name)
	if err := d.vol.mkdir(req, p); err != nil {
		return nil, d.vol.errno("mkdir", p, "", err)
	}
	n := d.subdir(ctx, name)
	n.mu.Lock()
	n.kept = dirAttr{mode: mode & 0o7777, moded: true, mtime: time.Now()}
	n.mu.Unlock()
	n.fill(&out.Attr)
	return n.EmbeddedInode(), 0
}

func (v *volume) mkdir(ctx context.Context, p string) error {
	if err := v.checkNewDir(p); err != nil {
		return err
	}
	if _, err := v.catalog.Tree(ctx); err != nil { // so that it is known what is there
		return err
	}
	if v.drafted(p) != nil {
		return syscall.EEXIST
	}
	return dirError(v.catalog.Mkdir(p))
}

// checkNewDir refuses a directory that no image could be in.
func (v *volume) checkNewDir(p string) error {
	const shortest = "/x"
	if err := cmp.Or(checkLitter(p), checkSegment(p)); err != nil {
		return err
	}
	return cmp.Or(checkNewName(p+shortest), v.client.CheckFields(meta.Fields{"name": p + shortest}))
}

var _ = (gofuse.NodeRmdirer)((*dirNode)(nil))

func (d *dirNode) Rmdir(ctx context.Context, name string) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	d.busy.Add(1)
	defer d.busy.Add(-1)
	p := d.child(name)
	if isSpecial(p) {
		return syscall.EPERM
	}
	return d.vol.errno("rmdir", p, "", d.vol.rmdir(req, p))
}

func (v *volume) rmdir(ctx context.Context, p string) error {
	tree, err := v.catalog.Tree(ctx)
	if err != nil {
		return err
	}
	if at := v.look(tree, p); at.isFile() {
		return syscall.ENOTDIR
	}
	if err := v.catalog.Rmdir(p); err != nil {
		return dirError(err)
	}
	v.era.Add(1)
	return nil
}

// dirError says what an error of the catalog is to a program.
func dirError(err error) error {
	switch {
	case errors.Is(err, catalog.ErrExist):
		return syscall.EEXIST
	case errors.Is(err, catalog.ErrNotEmpty):
		return syscall.ENOTEMPTY
	case errors.Is(err, catalog.ErrNotExist):
		return syscall.ENOENT
	}
	return err
}
