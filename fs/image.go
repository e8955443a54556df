package fs

import (
	"context"
	"errors"
	"sync"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// imageNode is an image, or a file that is being written and will become one.
type imageNode struct {
	gofuse.Inode
	vol *volume

	mu        sync.Mutex
	id        meta.ID // "" until the server knows the file
	alias     bool    // it has not the number of its image: see setID
	forgotten bool    // by the kernel
	draft     *draft  // while open for writing
	use       *use    // since it was first opened; see used
}

// use is what is to be known of a file that was opened at some time. It is guarded by
// imageNode.mu.
type use struct {
	warm    string      // version of the data that the kernel has pages of
	opened  *meta.Image // as it was when it was last opened to be read
	commits int         // of drafts, that changed the data
	latest  *meta.Image // with the data of the last of them
	modes   ioModes
}

// used returns what is known of the node's use. Most files of a large directory are looked
// at only, and have none. n.mu is held.
func (n *imageNode) used() *use {
	if n.use == nil {
		n.use = new(use)
	}
	return n.use
}

func (n *imageNode) imageID() meta.ID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.id
}

func (n *imageNode) currentDraft() *draft {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.draft
}

// file returns the image and its path as the catalog has them. An image that is
// not there any more is errStale: this node outlived it.
func (n *imageNode) file(ctx context.Context) (*catalog.File, error) {
	f, err := n.vol.catalog.File(ctx, n.imageID())
	if errors.Is(err, catalog.ErrNoImage) {
		return nil, errStale
	}
	return f, err
}

// path is for log lines.
func (n *imageNode) path() string { return n.Path(nil) }

func (n *imageNode) errno(op string, err error) syscall.Errno {
	return n.vol.errno(op, n.path(), n.imageID(), err)
}

var _ = (gofuse.NodeGetattrer)((*imageNode)(nil))

func (n *imageNode) Getattr(ctx context.Context, open gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	if open != nil && n.fillRemoved(req, &out.Attr) {
		return 0
	}
	aliases := n.vol.aliasesNow()
	fresh, errno := n.fill(req, &out.Attr)
	out.SetTimeout(n.vol.imageTimeout(n.imageID(), aliases, fresh))
	return errno
}

// fill writes the attributes of the draft, if there is one, or of the image, and returns
// how long the kernel may keep them.
func (n *imageNode) fill(ctx context.Context, out *fuse.Attr) (time.Duration, syscall.Errno) {
	if d := n.currentDraft(); d != nil {
		n.vol.fillImage(out, d.image())
		return 0, 0
	}
	f, err := n.file(ctx)
	if err != nil {
		return 0, n.errno("getattr", err)
	}
	n.vol.fillImage(out, f.Image)
	return n.vol.catalog.FreshFile(f), 0
}

// fillRemoved writes the attributes of a file that was removed through this mount and is open
// still, as a disk does for fstat. It reports false for any other: while a path leads here, a
// file that is gone must be looked for again.
func (n *imageNode) fillRemoved(ctx context.Context, out *fuse.Attr) bool {
	img := n.lastKnown()
	if _, parent := n.Parent(); parent != nil || img == nil {
		return false
	}
	if n.currentDraft() == nil {
		if _, err := n.file(ctx); !errors.Is(err, errStale) {
			return false
		}
	}
	n.vol.fillImage(out, img)
	out.Nlink = 0
	return true
}

// lastKnown returns a file that is open as it was when it was last heard of.
func (n *imageNode) lastKnown() *meta.Image {
	if d := n.currentDraft(); d != nil {
		return d.image()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.use == nil {
		return nil
	}
	return n.use.opened
}

var _ = (gofuse.NodeSetattrer)((*imageNode)(nil))

func (n *imageNode) Setattr(ctx context.Context, f gofuse.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	if size, ok := in.GetSize(); ok {
		if err := n.truncate(req, f, int64(size)); err != nil {
			return n.errno("truncate", err)
		}
	}
	fields := make(meta.Fields)
	if mode, ok := in.GetMode(); ok {
		fields["access"] = accessOf(mode)
	}
	if mtime, ok := in.GetMTime(); ok {
		fields[mtimeKey] = formatMtime(mtime)
	}
	if err := n.setFields(req, fields); err != nil {
		return n.errno("setattr", err)
	}
	return n.Getattr(ctx, f, out)
}

// truncate changes the length of the file. Without a handle it is a change of its own,
// unless somebody else has the file open to write, who then ends it.
func (n *imageNode) truncate(ctx context.Context, fh gofuse.FileHandle, size int64) error {
	if h, ok := fh.(*draftHandle); ok {
		return h.draft.truncate(ctx, h, size)
	}
	h, err := n.openDraft(ctx, syscall.O_WRONLY) // so that there is one who ends it, come what may
	if err != nil {
		return err
	}
	defer func() {
		n.endCached()
		n.leaveDraft(h)
	}()
	if n.hasOthers(h.draft) {
		return h.draft.truncate(ctx, nil, size)
	}
	if err := h.draft.truncate(ctx, h, size); err != nil {
		return err
	}
	return h.draft.commit(ctx, nil)
}

// hasOthers tells whether a draft that the caller has joined has other writers too. One whose
// close() has returned is none, though its release may come later.
func (n *imageNode) hasOthers(d *draft) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.handles-d.closed > 1
}

// setFields changes attributes, unless they are so already: one request, or none.
func (n *imageNode) setFields(ctx context.Context, fields meta.Fields) error {
	if d := n.currentDraft(); d != nil {
		return d.setFields(ctx, fields)
	}
	f, err := n.file(ctx)
	if err == nil {
		err = n.vol.checkOwner(f)
	}
	if err != nil {
		return err
	}
	_, err = n.vol.putFields(ctx, f.Image, fields)
	return err
}

// putFields sends those fields that are not what the image has, and returns the image
// as it then is.
func (v *volume) putFields(ctx context.Context, img *meta.Image, fields meta.Fields) (*meta.Image, error) {
	fields = img.Changed(fields)
	if len(fields) == 0 {
		return img, nil
	}
	updated, err := v.client.PutImage(ctx, img.ID, fields, nil)
	if err != nil {
		return nil, err
	}
	v.catalog.Announce(updated) // the kernel does not know what an attribute does to a file
	return updated, nil
}

var _ = (gofuse.NodeOpener)((*imageNode)(nil))

func (n *imageNode) Open(ctx context.Context, flags uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	h, fuseFlags, errno := n.open(ctx, flags)
	if errno == 0 {
		n.vol.opened(n)
	}
	return h, fuseFlags, errno
}

func (n *imageNode) open(ctx context.Context, flags uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY {
		h, err := n.openDraft(req, flags)
		if err != nil {
			return nil, 0, n.errno("open for writing", err)
		}
		return h, 0, 0
	}
	if h := n.openBeside(); h != nil {
		return h, 0, 0
	}
	_, _, commits := n.state()
	f, err := n.file(req)
	if err != nil {
		return nil, 0, n.errno("open", err)
	}
	r, err := n.vol.openReader(f.Image)
	if err != nil {
		return nil, 0, n.errno("open", err)
	}
	h, fuseFlags, err := n.openMode(ctx, r, f.Image, commits)
	if err != nil {
		_ = r.Close() // it has nothing to lose
		return nil, 0, n.errno("open", err)
	}
	return h, fuseFlags, 0
}

// openBeside opens a file that is being written for reading. It returns nil for any other.
func (n *imageNode) openBeside() *readHandle {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.draft == nil {
		return nil
	}
	n.used().modes.cached++
	return &readHandle{node: n}
}

// state returns the draft, if there is one, and what earlier ones have made of the file.
func (n *imageNode) state() (d *draft, latest *meta.Image, commits int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.use == nil {
		return n.draft, nil, 0
	}
	return n.draft, n.use.latest, n.use.commits
}

// pageCache tells the kernel to keep its pages of the file when the data are still
// those it read before. n.mu is held.
func (n *imageNode) pageCache(version string) uint32 {
	if n.used().warm == version {
		return fuse.FOPEN_KEEP_CACHE
	}
	n.used().warm = version
	return 0
}

// forgetPages has the kernel drop its pages of what was written, because it is void. It
// waits for the request that is under way.
func (n *imageNode) forgetPages() {
	n.coolDown()
	go n.NotifyContent(0, 0)
}

// coolDown has the kernel drop its pages at the next open.
func (n *imageNode) coolDown() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used().warm = ""
}
