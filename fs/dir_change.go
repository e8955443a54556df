package fs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

var _ = (gofuse.NodeCreater)((*dirNode)(nil))

// Create makes a file that is not yet on the server.
func (d *dirNode) Create(ctx context.Context, name string, _, mode uint32, out *fuse.EntryOut) (*gofuse.Inode, gofuse.FileHandle, uint32, syscall.Errno) {
	p := d.child(name)
	if d.vol.stopping.Load() {
		return nil, nil, 0, d.vol.errno("create", p, "", errStopping)
	}
	fields := d.vol.fieldsOf(p, mode)
	if err := cmp.Or(checkLitter(p), checkNewName(p), d.vol.client.CheckFields(fields)); err != nil {
		return nil, nil, 0, d.vol.errno("create", p, "", err)
	}
	n := &imageNode{vol: d.vol}
	n.draft, _ = newDraft(n, p, nil, fields) // nothing can fail where nothing is stored
	n.draft.handles = 1
	n.used().modes.cached = 1
	inode := d.NewInode(ctx, n, gofuse.StableAttr{Mode: fuse.S_IFREG})
	h := newDraftHandle(ctx, n, n.draft)
	h.begin()
	d.vol.pin(p, n)
	d.vol.opened(n)
	_, errno := n.fill(ctx, &out.Attr)
	return inode, h, 0, errno
}

// checkNewName refuses what VIS cannot hold, or would not be found under this path again.
func checkNewName(p string) error {
	if err := meta.CheckName(p); err != nil {
		return err
	}
	if err := checkSegment(p); err != nil {
		return err
	}
	if !catalog.IsPath(p) {
		return &meta.InvalidError{Message: fmt.Sprintf("Invalid name %q: it is reserved", p)}
	}
	return nil
}

// checkSegment refuses a path whose last segment no directory entry could be, and one that is
// too long as a whole.
func checkSegment(p string) error {
	if len(path.Base(p)) > 255 || len(p) > catalog.MaxPath {
		return syscall.ENAMETOOLONG
	}
	return nil
}

// fieldsOf guesses the metadata of a new file from its path and mode.
func (v *volume) fieldsOf(p string, mode uint32) meta.Fields {
	f := meta.Fields{"name": p, "architecture": cmp.Or(meta.ArchitectureOf(p), v.architecture), "access": accessOf(mode)}
	if format := meta.FormatOf(p); format != "" {
		f["format"] = format
	}
	return f
}

var _ = (gofuse.NodeUnlinker)((*dirNode)(nil))

func (d *dirNode) Unlink(ctx context.Context, name string) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	d.busy.Add(1)
	defer d.busy.Add(-1)
	p := d.child(name)
	if n := d.vol.drafted(p); n != nil { // also while the server is away
		if writing, err := n.discard(req); writing {
			return d.vol.errno("unlink", p, n.imageID(), err)
		}
	}
	tree, err := d.vol.catalog.Tree(req)
	if err != nil {
		return d.vol.errno("unlink", p, "", err)
	}
	at := d.vol.look(tree, p)
	switch {
	case at.isDir():
		return syscall.EISDIR
	case at.file == nil:
		return syscall.ENOENT
	}
	return d.vol.errno("unlink", p, at.id(), d.vol.delete(req, at.id()))
}

// delete removes an image from the server and then from the catalog. One that was
// gone already is removed.
func (v *volume) delete(ctx context.Context, id meta.ID) error {
	_, err := v.client.DeleteImage(ctx, id)
	if errors.Is(err, visclient.ErrNotFound) {
		err = nil
	}
	if err == nil {
		v.catalog.Remove(id)
	}
	return err
}

// deleteSettling deletes an image whose upload was just broken off: until the server
// has noticed that, it says that the image is busy.
func (v *volume) deleteSettling(ctx context.Context, id meta.ID) error {
	const patience, pause = 3 * time.Second, 20 * time.Millisecond
	for start := time.Now(); ; {
		err := v.delete(ctx, id)
		if !errors.Is(err, visclient.ErrConflict) || time.Since(start) > patience {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// What follows has no meaning in VIS. Without these methods go-fuse would answer some
// of them with success.

var (
	_ = (gofuse.NodeLinker)((*dirNode)(nil))
	_ = (gofuse.NodeSymlinker)((*dirNode)(nil))
	_ = (gofuse.NodeMknoder)((*dirNode)(nil))
)

func (d *dirNode) Link(context.Context, gofuse.InodeEmbedder, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (d *dirNode) Symlink(context.Context, string, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (d *dirNode) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}
