package fs

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
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
	backing int32    // what the kernel calls the file that it reads; 0 for none
	file    *os.File // that it reads
	release func()   // has it forget that, and lets the cache evict the file again
	version string
}

// isReadable tells whether the disk still gives what is to be passed through. Of a disk that does
// not the kernel might refuse to open it, with EIO.
func isReadable(f *os.File) bool {
	var b [1]byte
	_, err := f.ReadAt(b[:], 0)
	return err == nil || err == io.EOF
}

// backer has the kernel read files by itself. Linux has had that since 6.9, for root.
type backer interface {
	RegisterBackingFd(file *fuse.BackingMap) (backing int32, errno syscall.Errno)
	UnregisterBackingFd(backing int32) syscall.Errno
}

// passing adds to the replies of opens which file the kernel is to read. The bridge of go-fuse
// does the same for who implements its FilePassthroughFder, but lets go of the file after a
// Release has returned: an open in between would get the file of the version before, or one that
// is gone.
type passing struct {
	fuse.RawFileSystem

	mu    sync.Mutex
	files map[<-chan struct{}]int32 // by the channel that belongs to the open
}

// add has the reply of the open that ctx is of tell the kernel what to read.
func (p *passing) add(ctx context.Context, backing int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.files == nil {
		p.files = make(map[<-chan struct{}]int32)
	}
	p.files[ctx.Done()] = backing
}

func (p *passing) take(open <-chan struct{}) (backing int32, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	backing, ok = p.files[open]
	delete(p.files, open)
	return backing, ok
}

// Open is the bridge's, with the file to read.
func (p *passing) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	status := p.RawFileSystem.Open(cancel, in, out)
	if backing, ok := p.take(cancel); ok && status.Ok() {
		out.BackingID = backing
		out.OpenFlags = out.OpenFlags&^fuse.FOPEN_KEEP_CACHE | fuse.FOPEN_PASSTHROUGH
	}
	return status
}

// passedHandle is a file opened for reading that the kernel reads itself.
type passedHandle struct{ *readHandle }

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
// and the flags that go with it. The context is that of the open.
func (n *imageNode) openMode(ctx context.Context, r *cache.Reader, img *meta.Image, commits int) (h gofuse.FileHandle, flags uint32, err error) {
	err = untilClosed(func() error {
		n.mu.Lock()
		defer n.mu.Unlock()
		version := img.Version()
		m := &n.used().modes
		if m.through == 0 && m.cached == 0 {
			n.pass(r, version)
		}
		if m.through > 0 && (m.version != version || !isReadable(m.file)) {
			return errPassedThrough // another one is, or one that is no good
		}
		n.used().opened = img
		cached := &readHandle{node: n, reader: r, saw: commits}
		flags = n.pageCache(version)
		if m.backing == 0 {
			m.cached++
			h = cached
			return nil
		}
		m.through++
		n.vol.passing.add(ctx, m.backing)
		h = passedHandle{cached}
		return nil
	})
	return h, flags, err
}

// pass has the kernel read a version by itself, if that can be. n.mu is held.
func (n *imageNode) pass(r *cache.Reader, version string) {
	if n.vol.backer == nil || !n.vol.passthrough.Load() {
		return
	}
	f, release, ok := r.Backing()
	if !ok {
		return
	}
	if !isReadable(f) {
		release()
		return
	}
	backing, errno := n.vol.backer.RegisterBackingFd(&fuse.BackingMap{Fd: int32(f.Fd())})
	if errno != 0 {
		n.vol.log.Debug("the kernel cannot read cached images by itself", "err", errno)
		n.vol.passthrough.Store(false)
		release()
		return
	}
	n.used().modes = ioModes{backing: backing, file: f, version: version, release: func() {
		if errno := n.vol.backer.UnregisterBackingFd(backing); errno != 0 {
			n.vol.log.Warn("the kernel keeps a file of the cache open", "err", errno)
		}
		release()
	}}
}

// writeMode counts a handle for writing, if there can be one now.
func (n *imageNode) writeMode() error {
	return untilClosed(func() error {
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.used().modes.through > 0 {
			return errPassedThrough
		}
		n.used().modes.cached++
		return nil
	})
}

// untilClosed tries to open a file for some time that may only seem to be passed through: a
// program's close returns before we are told of it.
func untilClosed(open func() error) error {
	const patience, pause = time.Second, 2 * time.Millisecond
	err := open()
	for deadline := time.Now().Add(patience); errors.Is(err, errPassedThrough) && time.Now().Before(deadline); err = open() {
		time.Sleep(pause)
	}
	return err
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
