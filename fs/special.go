package fs

import (
	"context"
	"errors"
	"fmt"
	"path"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// special is what the directories have in common that show images otherwise than by their
// paths: nothing can be made in them, or moved into them or out of them. The root leads
// to them and does not list them. The kernel keeps none of their images' names, so
// that what changes through other paths is seen at once.
type special struct {
	gofuse.Inode
	vol *volume
}

// special returns the node of a special directory in the root, or nil.
func (d *dirNode) special(ctx context.Context, name string) gofuse.InodeEmbedder {
	if !d.IsRoot() || !isSpecial(name) {
		return nil
	}
	var n gofuse.InodeEmbedder = &queriesDir{special{vol: d.vol}}
	switch name {
	case catalog.ByID:
		n = &idDir{special{vol: d.vol}}
	case control:
		n = &controlDir{special{vol: d.vol}}
	}
	d.NewInode(ctx, n, gofuse.StableAttr{Mode: fuse.S_IFDIR, Ino: hashIno("special", name)})
	return n
}

func isSpecial(name string) bool { return name == catalog.ByID || name == byQuery || name == control }

// lookupSpecial answers a lookup in the root with a special directory, without a request.
func (d *dirNode) lookupSpecial(ctx context.Context, name string, out *fuse.EntryOut) *gofuse.Inode {
	n := d.special(ctx, name)
	if n == nil {
		return nil
	}
	d.vol.fillSpecialEntry(out)
	if c, ok := n.(*controlDir); ok {
		c.fill(&out.Attr)
	}
	return n.EmbeddedInode()
}

func (v *volume) fillSpecialEntry(out *fuse.EntryOut) {
	v.fillSpecial(&out.Attr)
	out.SetEntryTimeout(localTTL)
	out.SetAttrTimeout(localTTL)
}

func (v *volume) fillSpecial(out *fuse.Attr) {
	out.Mode = fuse.S_IFDIR | 0o755
	out.Nlink = 2
	out.Owner = v.owner
	out.SetTimes(&v.mounted, &v.mounted, &v.mounted)
}

// enter answers a lookup with the node of an image: the one that its path leads to.
func (s *special) enter(ctx context.Context, req *request, f *catalog.File, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	if n := s.vol.writer(f.Image.ID); n != nil {
		_, errno := n.fill(req, &out.Attr)
		return n.EmbeddedInode(), errno
	}
	s.vol.fillImage(&out.Attr, f.Image)
	n := &imageNode{vol: s.vol, id: f.Image.ID}
	return s.NewInode(ctx, n, gofuse.StableAttr{Mode: fuse.S_IFREG, Ino: imageIno(f.Image.ID)}), 0
}

// writer returns the node by which an image is being written, or nil.
func (v *volume) writer(id meta.ID) *imageNode {
	for _, n := range v.writing() {
		if n.imageID() == id {
			return n
		}
	}
	return nil
}

// remove deletes an image, and what is being written of it.
func (s *special) remove(ctx context.Context, f *catalog.File) error {
	defer s.forget(f.Path)
	if err := s.vol.checkOwner(f); err != nil {
		return err
	}
	if n := s.vol.writer(f.Image.ID); n != nil {
		if writing, err := n.discard(ctx); writing {
			return err
		}
	}
	return s.vol.delete(ctx, f.Image.ID)
}

// forget has the kernel ask for an image when it next comes to it by its path in the tree.
// The attributes it forgets at once; the path a moment later, as that takes locks, of which
// the request that is under way holds some.
func (s *special) forget(path string) {
	const attributesOnly = -1
	if n := inodeAt(s.Root(), path); n != nil {
		_ = n.NotifyContent(attributesOnly, 0) // it may not know it
		s.vol.notifier.addAnew(path)
	}
}

// errno is volume.errno, but for names that nothing has: programs may look for any.
func (s *special) errno(op, name string, id meta.ID, err error) syscall.Errno {
	if errors.Is(err, catalog.ErrNoImage) {
		return syscall.ENOENT
	}
	return s.vol.errno(op, path.Join(s.Path(nil), name), id, err)
}

var errUnlisted = errors.New("the server does not list this image for you, so its data cannot be changed: what takes its place would be an image of yours")

// inTree returns a file at its path in the tree, where all who write it meet.
func (v *volume) inTree(ctx context.Context, f *catalog.File) (*catalog.File, error) {
	if !f.Unlisted {
		return f, nil
	}
	if err := v.checkOwner(f); err != nil {
		return nil, err
	}
	tree, err := v.catalog.Tree(ctx)
	if err != nil {
		return nil, err
	}
	if listed := tree.File(f.Image.ID); listed != nil {
		return listed, nil
	}
	return nil, errUnlisted
}

// checkOwner refuses to change another user's image where the server would not. That one
// lists only the user's own.
func (v *volume) checkOwner(f *catalog.File) error {
	if !f.Unlisted || v.allOwners || !v.client.IsOriginal() || f.Image.Owner == v.client.AccessKey() {
		return nil
	}
	return fmt.Errorf("%w: the image is %s's, although the server would let you change it; mount with --all-owners if that is what you want", visclient.ErrForbidden, f.Image.Owner)
}

var _ = (gofuse.NodeGetattrer)((*special)(nil))

func (s *special) Getattr(_ context.Context, _ gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	s.vol.fillSpecial(&out.Attr)
	out.SetTimeout(localTTL)
	return 0
}

var _ = (gofuse.NodeStatfser)((*special)(nil))

func (s *special) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	root, _ := s.Root().Operations().(*dirNode)
	return root.Statfs(ctx, out)
}

// What follows is refused.

var (
	_ = (gofuse.NodeSetattrer)((*special)(nil))
	_ = (gofuse.NodeSetxattrer)((*special)(nil))
	_ = (gofuse.NodeCreater)((*special)(nil))
	_ = (gofuse.NodeMkdirer)((*special)(nil))
	_ = (gofuse.NodeRmdirer)((*special)(nil))
	_ = (gofuse.NodeUnlinker)((*special)(nil))
	_ = (gofuse.NodeRenamer)((*special)(nil))
	_ = (gofuse.NodeLinker)((*special)(nil))
	_ = (gofuse.NodeSymlinker)((*special)(nil))
	_ = (gofuse.NodeMknoder)((*special)(nil))
)

func (s *special) Setattr(context.Context, gofuse.FileHandle, *fuse.SetAttrIn, *fuse.AttrOut) syscall.Errno {
	return syscall.EPERM
}

func (s *special) Setxattr(context.Context, string, []byte, uint32) syscall.Errno {
	return syscall.ENOTSUP
}

func (s *special) Create(context.Context, string, uint32, uint32, *fuse.EntryOut) (*gofuse.Inode, gofuse.FileHandle, uint32, syscall.Errno) {
	return nil, nil, 0, syscall.EPERM
}

func (s *special) Mkdir(context.Context, string, uint32, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (s *special) Rmdir(context.Context, string) syscall.Errno { return syscall.EPERM }

func (s *special) Unlink(context.Context, string) syscall.Errno { return syscall.EPERM }

func (s *special) Rename(context.Context, string, gofuse.InodeEmbedder, string, uint32) syscall.Errno {
	return syscall.EPERM
}

func (s *special) Link(context.Context, gofuse.InodeEmbedder, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (s *special) Symlink(context.Context, string, string, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}

func (s *special) Mknod(context.Context, string, uint32, uint32, *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	return nil, syscall.EPERM
}
