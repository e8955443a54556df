package fs

import (
	"context"
	"maps"
	"path"
	"slices"
	"strings"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
)

// dirNode is a directory: a path that images' names begin with.
type dirNode struct {
	gofuse.Inode
	vol  *volume
	path string // "" for the root
}

// child returns the path of an entry.
func (d *dirNode) child(name string) string { return path.Join(d.path, name) }

var _ = (gofuse.NodeGetattrer)((*dirNode)(nil))

func (d *dirNode) Getattr(_ context.Context, _ gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.vol.fillDir(&out.Attr)
	out.SetTimeout(kernelTTL)
	return 0
}

var _ = (gofuse.NodeSetattrer)((*dirNode)(nil))

// Setattr accepts what cannot be kept of a directory: cp -r and rsync set times and
// modes of each, and would report a failure for nothing lost.
func (d *dirNode) Setattr(ctx context.Context, f gofuse.FileHandle, _ *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	return d.Getattr(ctx, f, out)
}

var _ = (gofuse.NodeLookuper)((*dirNode)(nil))

func (d *dirNode) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	if n := d.vol.drafted(d.child(name)); n != nil {
		errno := n.fill(req, &out.Attr)
		return n.EmbeddedInode(), errno
	}
	tree, err := d.vol.catalog.Tree(req)
	if err != nil {
		return nil, d.vol.errno("lookup", d.child(name), "", err)
	}
	here := tree.Dir(d.path)
	if here == nil {
		return nil, syscall.ENOENT
	}
	out.SetEntryTimeout(d.vol.kernelTimeout())
	out.SetAttrTimeout(d.vol.kernelTimeout())
	if f := here.Files[name]; f != nil {
		d.vol.fillImage(&out.Attr, f.Image)
		n := &imageNode{vol: d.vol, id: f.Image.ID}
		return d.NewInode(ctx, n, gofuse.StableAttr{Mode: fuse.S_IFREG, Ino: imageIno(f.Image.ID)}), 0
	}
	if sub := here.Dirs[name]; sub != nil {
		d.vol.fillDir(&out.Attr)
		n := &dirNode{vol: d.vol, path: sub.Path}
		return d.NewInode(ctx, n, gofuse.StableAttr{Mode: fuse.S_IFDIR, Ino: dirIno(sub.Path)}), 0
	}
	return nil, syscall.ENOENT
}

var _ = (gofuse.NodeReaddirer)((*dirNode)(nil))

func (d *dirNode) Readdir(ctx context.Context) (gofuse.DirStream, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	tree, err := d.vol.catalog.Tree(req)
	if err != nil {
		return nil, d.vol.errno("readdir", d.path, "", err)
	}
	here := tree.Dir(d.path)
	if here == nil {
		return nil, syscall.ENOENT
	}
	return gofuse.NewListDirStream(d.entries(here)), 0
}

func (d *dirNode) entries(here *catalog.Dir) []fuse.DirEntry {
	drafts := d.drafts()
	var entries []fuse.DirEntry
	for _, name := range here.Names() {
		switch {
		case drafts[name] != nil: // comes below
		case here.Files[name] != nil:
			entries = append(entries, fuse.DirEntry{Name: name, Mode: fuse.S_IFREG, Ino: imageIno(here.Files[name].Image.ID)})
		default:
			entries = append(entries, fuse.DirEntry{Name: name, Mode: fuse.S_IFDIR, Ino: dirIno(here.Dirs[name].Path)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(drafts)) {
		entries = append(entries, fuse.DirEntry{Name: name, Mode: fuse.S_IFREG, Ino: drafts[name].StableAttr().Ino})
	}
	return entries
}

// drafts returns the files in this directory that are being written.
func (d *dirNode) drafts() map[string]*imageNode {
	here := make(map[string]*imageNode)
	for p, n := range d.vol.writing() {
		if dir, name := path.Split(p); strings.TrimSuffix(dir, "/") == d.path {
			here[name] = n
		}
	}
	return here
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
		return d.vol.errno("statfs", d.path, "", err)
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
