package fs

import (
	"context"
	"path"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// dirNode is a directory: a path that images' names begin with, or that mkdir made.
type dirNode struct {
	gofuse.Inode
	vol *volume

	busy atomic.Int32 // requests for which the kernel holds the directory; see notifier.tell

	mu   sync.Mutex
	kept dirAttr
}

// removed stands for the path of a directory that was removed while a program was in
// it. As it is in no name, nothing is found there, and nothing comes to be.
const removed = "\x00removed"

// path returns the directory's path, "" for the root. Nodes move when they are renamed,
// so it is theirs to tell.
func (d *dirNode) path() string {
	var p string
	for at := d.EmbeddedInode(); !at.IsRoot(); {
		name, above := at.Parent()
		if above == nil {
			return path.Join(removed, p)
		}
		p, at = path.Join(name, p), above
	}
	return p
}

// child returns the path of an entry.
func (d *dirNode) child(name string) string { return path.Join(d.path(), name) }

var _ = (gofuse.NodeLookuper)((*dirNode)(nil))

func (d *dirNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	if n := d.lookupSpecial(ctx, name, out); n != nil {
		return n, 0
	}
	req := begin(ctx)
	defer req.done()
	d.busy.Add(1)
	defer d.busy.Add(-1)
	here := d.path()
	aliases := d.vol.aliasesNow()
	if n := d.vol.drafted(path.Join(here, name)); n != nil {
		_, errno := n.fill(req, &out.Attr)
		return n.EmbeddedInode(), errno
	}
	tree, err := d.vol.catalog.Tree(req)
	if err != nil {
		return nil, d.vol.errno("lookup", path.Join(here, name), "", err)
	}
	fresh := d.vol.catalog.Fresh(tree) // how long the kernel may keep what is said here
	dir := tree.Dir(here)
	if dir == nil {
		return nil, d.vol.missing(out, fresh)
	}
	return d.enter(ctx, dir, name, aliases, fresh, out)
}

// enter answers a lookup with what a directory of the catalog has under a name. The
// kernel may keep that for some time.
func (d *dirNode) enter(ctx context.Context, dir *catalog.Dir, name string, aliases int, fresh time.Duration, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	out.SetAttrTimeout(fresh)
	if f := dir.File(name); f != nil {
		keep := d.vol.imageTimeout(f.Image.ID, aliases, fresh)
		out.SetAttrTimeout(keep)
		out.SetEntryTimeout(keep)
		if f.Path != f.Image.Name { // which may end with a local change of the image that has it
			out.SetEntryTimeout(min(keep, localTTL))
		}
		d.vol.fillImage(&out.Attr, f.Image)
		return d.file(ctx, name, f.Image.ID), 0
	}
	if sub := dir.Sub(name); sub != nil {
		out.SetEntryTimeout(fresh)
		if sub.Emptied {
			out.SetEntryTimeout(min(fresh, localTTL))
		}
		n := d.subdir(ctx, name)
		n.fill(&out.Attr)
		return n.EmbeddedInode(), 0
	}
	return nil, d.vol.missing(out, fresh)
}

// missing answers a lookup of what is not there. go-fuse lets the kernel remember that for
// one time only, negativeTTL, unless another is given here: where that is longer than the
// tree is fresh, the kernel shall ask again.
func (v *volume) missing(out *fuse.EntryOut, fresh time.Duration) syscall.Errno {
	if fresh < v.negativeTTL {
		out.SetEntryTimeout(time.Nanosecond)
	}
	return syscall.ENOENT
}

// file returns the node of an image in this directory.
func (d *dirNode) file(ctx context.Context, name string, id meta.ID) *gofuse.Inode {
	attr := gofuse.StableAttr{Mode: fuse.S_IFREG, Ino: imageIno(id)}
	if child := d.GetChild(name); child != nil {
		n, ok := child.Operations().(*imageNode)
		if child.StableAttr().Ino == attr.Ino || ok && n.isOpenAs(id) {
			return child
		}
	}
	return d.NewInode(ctx, &imageNode{vol: d.vol, id: id}, attr)
}

// fileIno returns the inode number of an image in this directory.
func (d *dirNode) fileIno(name string, id meta.ID) uint64 {
	if !d.vol.isAliased(id) { // as nearly all are
		return imageIno(id)
	}
	if child := d.GetChild(name); child != nil {
		if n, ok := child.Operations().(*imageNode); ok && n.isOpenAs(id) {
			return child.StableAttr().Ino
		}
	}
	return imageIno(id)
}

// known returns the node of a directory in this one, if the kernel knows it.
func (d *dirNode) known(name string) *dirNode {
	child := d.GetChild(name)
	if child == nil {
		return nil
	}
	n, _ := child.Operations().(*dirNode)
	return n
}

// subdir returns the node of a directory in this one.
func (d *dirNode) subdir(ctx context.Context, name string) *dirNode {
	if n := d.known(name); n != nil {
		return n
	}
	n := &dirNode{vol: d.vol}
	d.NewInode(ctx, n, gofuse.StableAttr{Mode: fuse.S_IFDIR, Ino: d.vol.dirIno(d.child(name))})
	return n
}

// inoOf returns the inode number of a directory in this one.
func (d *dirNode) inoOf(name string) uint64 {
	if n := d.known(name); n != nil {
		return n.StableAttr().Ino
	}
	return d.vol.dirIno(d.child(name))
}

var _ = (gofuse.NodeStatfser)((*dirNode)(nil))

// Statfs says how much the images take. What is free only the server knows; it is
// said to be plenty, so that no installer refuses.
func (d *dirNode) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	const (
		blockBytes = 4096
		freeBlocks = 1 << 50 / blockBytes // 1 PiB
		freeFiles  = 1 << 30
	)
	tree, err := d.vol.catalog.Tree(req)
	if err != nil {
		return d.vol.errno("statfs", d.path(), "", err)
	}
	used := uint64(tree.Bytes()+blockBytes-1) / blockBytes
	*out = fuse.StatfsOut{
		Bsize: blockBytes, Frsize: blockBytes,
		Blocks: used + freeBlocks, Bfree: freeBlocks, Bavail: freeBlocks,
		Files: uint64(tree.Len()) + freeFiles, Ffree: freeFiles,
		NameLen: 255,
	}
	return 0
}
