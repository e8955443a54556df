package fs

import (
	"context"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// idDir is the directory of all images by their ids. It lists those that the tree has, and
// leads to any.
type idDir struct{ special }

var _ = (gofuse.NodeLookuper)((*idDir)(nil))

func (d *idDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	f, err := d.vol.catalog.Find(req, meta.ID(name))
	if err != nil {
		return nil, d.errno("lookup", name, meta.ID(name), err)
	}
	return d.enter(ctx, req, f, out)
}

var _ = (gofuse.NodeReaddirer)((*idDir)(nil))

func (d *idDir) Readdir(ctx context.Context) (gofuse.DirStream, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	tree, err := d.vol.catalog.Tree(req)
	if err != nil {
		return nil, d.errno("readdir", "", "", err)
	}
	var entries []fuse.DirEntry
	for _, id := range catalog.IDs(tree) {
		entries = append(entries, fuse.DirEntry{Name: string(id), Mode: fuse.S_IFREG, Ino: imageIno(id)})
	}
	return gofuse.NewListDirStream(entries), 0
}

var _ = (gofuse.NodeUnlinker)((*idDir)(nil))

func (d *idDir) Unlink(ctx context.Context, name string) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	id := meta.ID(name)
	f, err := d.vol.catalog.Find(req, id)
	if err == nil {
		err = d.remove(req, f)
	}
	return d.errno("unlink", name, id, err)
}
