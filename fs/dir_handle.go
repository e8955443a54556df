package fs

import (
	"context"
	"maps"
	"path"
	"slices"
	"sync"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
)

// dirHandle is an open directory. From its start on it reads one state of the directory,
// however that changes meanwhile, so positions in it stay what they are.
type dirHandle struct {
	dir *dirNode

	mu      sync.Mutex
	listed  *snapshot // nil until the directory is read
	next    int       // position
	current fuse.DirEntry

	known *catalog.Tree // the latest that an entry was looked up in
	here  *catalog.Dir  // in that
}

// snapshot is what a directory lists at one moment. Its positions are first those of the
// catalog's entries, then those of the drafts.
type snapshot struct {
	dir    *catalog.Dir
	drafts map[string]*imageNode // files that are being written, by name; they take the place of the catalog's
	names  []string              // of drafts, in order
}

var _ = (gofuse.NodeOpendirHandler)((*dirNode)(nil))

func (d *dirNode) OpendirHandle(context.Context, uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	return &dirHandle{dir: d}, 0, 0
}

var _ = (gofuse.FileReaddirenter)((*dirHandle)(nil))

// Readdirent returns the next entry. At the start of the directory it looks what there is.
func (h *dirHandle) Readdirent(ctx context.Context) (*fuse.DirEntry, syscall.Errno) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.next == 0 {
		if errno := h.look(ctx); errno != 0 {
			return nil, errno
		}
	}
	for h.next < h.listed.len() {
		entry, ok := h.dir.entryAt(h.listed, h.next)
		h.next++
		if ok {
			h.current = entry
			h.current.Off = uint64(h.next)
			return &h.current, 0
		}
	}
	return nil, 0
}

// look takes a snapshot. The caller holds mu.
func (h *dirHandle) look(ctx context.Context) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	h.dir.busy.Add(1)
	defer h.dir.busy.Add(-1)
	vol, here := h.dir.vol, h.dir.path()
	drafts := vol.draftsIn(here) // before the catalog, which a draft goes to when it ends
	tree, err := vol.catalog.Tree(req)
	if err != nil {
		return vol.errno("readdir", here, "", err)
	}
	dir := tree.Dir(here)
	if dir == nil {
		return syscall.ENOENT
	}
	h.listed = &snapshot{dir, drafts, slices.Sorted(maps.Keys(drafts))}
	h.known, h.here = tree, dir
	return 0
}

func (s *snapshot) len() int { return s.dir.Len() + len(s.names) }

// entryAt returns the entry at a position, unless a draft stands for it.
func (d *dirNode) entryAt(s *snapshot, i int) (entry fuse.DirEntry, ok bool) {
	if i >= s.dir.Len() {
		name := s.names[i-s.dir.Len()]
		return fuse.DirEntry{Name: name, Mode: fuse.S_IFREG, Ino: s.drafts[name].StableAttr().Ino}, true
	}
	name, f, _ := s.dir.At(i)
	switch {
	case s.drafts[name] != nil:
		return fuse.DirEntry{}, false
	case f != nil:
		return fuse.DirEntry{Name: name, Mode: fuse.S_IFREG, Ino: d.fileIno(name, f.Image.ID)}, true
	}
	return fuse.DirEntry{Name: name, Mode: fuse.S_IFDIR, Ino: d.inoOf(name)}, true
}

var _ = (gofuse.FileSeekdirer)((*dirHandle)(nil))

// Seekdir goes to a position that an entry came with. At the start the directory is read anew.
func (h *dirHandle) Seekdir(ctx context.Context, off uint64) syscall.Errno {
	h.mu.Lock()
	defer h.mu.Unlock()
	if off > 0 && h.listed == nil { // of another handle, perhaps
		if errno := h.look(ctx); errno != 0 {
			return errno
		}
	}
	if off > 0 && off > uint64(h.listed.len()) {
		return syscall.EINVAL
	}
	h.next = int(off)
	return 0
}

var _ = (gofuse.FileLookuper)((*dirHandle)(nil))

// Lookup answers for an entry that is read together with its attributes, with what is
// known of it now. It doesn't wait for the server: what might have changed the kernel may
// not keep, and looks up when it needs it. A draft is the node's business.
func (h *dirHandle) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	aliases := h.dir.vol.aliasesNow()
	here, fresh, isDraft := h.now(name)
	switch {
	case isDraft:
		return h.dir.Lookup(ctx, name, out)
	case here == nil:
		return nil, syscall.ENOENT
	}
	return h.dir.enter(ctx, here, name, aliases, fresh, out)
}

// now returns the directory as it is known now, how long that is good, and whether an
// entry is or was a draft.
func (h *dirHandle) now(name string) (here *catalog.Dir, fresh time.Duration, isDraft bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	known, fresh := h.dir.vol.catalog.Known()
	if known != h.known || h.here == nil {
		h.known, h.here = known, known.Dir(h.dir.path())
	}
	if h.here == nil {
		return nil, 0, false
	}
	return h.here, fresh, h.listed.drafts[name] != nil || h.dir.vol.isDrafted(h.here.Path, name)
}

var _ = (gofuse.FileReleasedirer)((*dirHandle)(nil))

// Releasedir lets go of the snapshot.
func (h *dirHandle) Releasedir(context.Context, uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.listed, h.known, h.here = nil, nil, nil
}

// isDrafted reports whether a file in a directory is being written.
func (v *volume) isDrafted(dir, name string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.drafts) > 0 && v.drafts[path.Join(dir, name)] != nil
}

// draftsIn returns the files in a directory that are being written, by name.
func (v *volume) draftsIn(dir string) map[string]*imageNode {
	here := make(map[string]*imageNode)
	for p, n := range v.writing() {
		if parentOf(p) == dir {
			here[path.Base(p)] = n
		}
	}
	return here
}
