package fs

import (
	"context"
	"io"
	"os"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/meta"
)

// ioModes counts how an inode is open. The kernel has it either cached, where reads come
// through its pages and from us, or passed through, where it reads a file itself. While
// there is one it refuses the other with EIO, which we forestall. It is guarded by
// imageNode.mu.
type ioModes struct {
	cached  int
	through int

	// of those that are passed through
	backing *os.File
	release func() // lets the cache evict the file again
	version string
}

// passedHandle is a file opened for reading that the kernel reads itself. Where it can't
// (it takes root, and Linux 6.9) it asks us, as for any other.
type passedHandle struct{ *readHandle }

var _ = (gofuse.FilePassthroughFder)(passedHandle{})

func (h passedHandle) PassthroughFd() (int, bool) {
	h.node.mu.Lock()
	defer h.node.mu.Unlock()
	return int(h.node.used().modes.backing.Fd()), true
}

func (h passedHandle) Release(ctx context.Context) syscall.Errno {
	h.node.vol.released(h.node)
	h.node.mu.Lock()
	m := &h.node.used().modes
	if m.through--; m.through == 0 {
		m.release()
		*m = ioModes{cached: m.cached}
	}
	h.node.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closeReader()
	return 0
}

// openMode makes a handle of a reader of img, which was opened after so many commits of the node,
// and the flags that go with it.
func (n *imageNode) openMode(r *cache.Reader, img *meta.Image, commits int) (gofuse.FileHandle, uint32, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	version := img.Version()
	n.used().opened = img
	h := &readHandle{node: n, reader: r, saw: commits}
	m := &n.used().modes
	if m.through == 0 && m.cached == 0 && n.vol.passthrough {
		if f, release, ok := r.Backing(); ok {
			*m = ioModes{backing: f, release: release, version: version}
		}
	}
	switch {
	case m.backing == nil:
		m.cached++
		return h, n.pageCache(version), nil
	case m.version == version:
		m.through++
		return passedHandle{h}, n.pageCache(version), nil
	}
	return nil, 0, errPassedThrough // another version is
}

// writeMode counts a handle for writing, if there can be one now.
func (n *imageNode) writeMode() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.used().modes.through > 0 {
		return errPassedThrough
	}
	n.used().modes.cached++
	return nil
}

// endCached ends a handle that counts as cached.
func (n *imageNode) endCached() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.used().modes.cached--
}

var _ = (gofuse.FileLseeker)((*readHandle)(nil))

// Lseek finds what is known to be zeros: what is on disk in the cache.
func (h *readHandle) Lseek(ctx context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	d, r, err := h.source(req)
	switch {
	case err != nil:
		return 0, h.node.errno("lseek", err)
	case d != nil:
		return d.seek(off, whence)
	}
	seek := r.SeekData
	if whence == unix.SEEK_HOLE {
		seek = r.SeekHole
	}
	at, err := seek(int64(off))
	if err == io.EOF {
		return 0, syscall.ENXIO
	}
	return uint64(at), 0
}
