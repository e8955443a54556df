package fs

import (
	"context"
	"errors"
	"io"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/meta"
)

// writeHandle is a file opened for writing.
type writeHandle struct {
	node   *imageNode
	draft  *draft
	opener int // process that opened the file; 0 when it is not known

	// epoch is the draft's at the time of the handle's first write; 0 before it. When
	// somebody empties the file, what was written through it in an earlier epoch is
	// void, and goes on failing. Guarded by draft.mu.
	epoch int
}

// join reports whether a handle may write in an epoch. The caller holds draft.mu.
func (h *writeHandle) join(epoch int) bool {
	if h.epoch == 0 {
		h.epoch = epoch
	}
	return h.epoch == epoch
}

// openWriter opens an image for writing, in the draft that the node has or gets.
func (n *imageNode) openWriter(ctx context.Context, flags uint32) (*writeHandle, error) {
	if err := n.writeMode(); err != nil {
		return nil, err
	}
	d, err := n.joinDraft(ctx)
	if err != nil {
		n.endCached()
		return nil, err
	}
	h := newWriteHandle(ctx, n, d)
	if flags&syscall.O_TRUNC == 0 {
		return h, nil
	}
	if err := d.truncate(ctx, h, 0); err != nil {
		n.endCached()
		n.leaveDraft(d)
		return nil, err
	}
	return h, nil
}

func newWriteHandle(ctx context.Context, n *imageNode, d *draft) *writeHandle {
	return &writeHandle{node: n, draft: d, opener: processOf(callerThread(ctx))}
}

// joinDraft counts one more handle on the node's draft, which is made here if there is
// none.
func (n *imageNode) joinDraft(ctx context.Context) (*draft, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.draft == nil {
		n.mu.Unlock()
		f, err := n.file(ctx)
		n.mu.Lock()
		switch {
		case err != nil:
			return nil, err
		case f.Image.Status == meta.Uploading:
			return nil, errBusy
		}
		if n.draft == nil {
			n.draft = newDraft(n, f.Path, f.Image, nil)
			n.vol.pin(f.Path, n)
		}
	}
	n.draft.handles++
	return n.draft, nil
}

// leaveDraft ends a handle; the last one ends the draft.
func (n *imageNode) leaveDraft(d *draft) {
	n.mu.Lock()
	d.handles--
	last := d.handles == 0
	n.mu.Unlock()
	if !last {
		return
	}
	if err := d.end(context.Background()); err != nil {
		n.vol.errno("commit after close", d.path, n.imageID(), err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if d.handles == 0 { // nobody opened the file meanwhile
		n.dropDraft(d)
	}
}

// detach takes a draft that failed out of the way: who opens the file now has nothing
// to do with it.
func (n *imageNode) detach(d *draft) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dropDraft(d)
}

// dropDraft needs mu held.
func (n *imageNode) dropDraft(d *draft) {
	if n.draft == d {
		n.draft = nil
		n.vol.unpin(d.path, n)
	}
}

func (n *imageNode) setID(id meta.ID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.id = id
}

// discard removes a file that is being written. It is not if its last handle was
// released meanwhile.
func (n *imageNode) discard(ctx context.Context) (writing bool, err error) {
	d := n.currentDraft()
	if d == nil {
		return false, nil
	}
	if err := d.discard(ctx); err != nil {
		return true, err
	}
	n.vol.unpin(d.path, n)
	return true, nil
}

var _ = (gofuse.FileWriter)((*writeHandle)(nil))

func (h *writeHandle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	if err := h.draft.write(req, h, data, off); err != nil {
		return 0, h.node.errno("write", err)
	}
	return uint32(len(data)), 0
}

var _ = (gofuse.FileReader)((*writeHandle)(nil))

func (h *writeHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if h.draft.dirty() {
		return nil, h.node.errno("read", errReadBack)
	}
	r, err := h.node.vol.openReader(h.draft.image())
	if err != nil {
		return nil, h.node.errno("read", err)
	}
	defer r.Close()
	req := begin(ctx)
	defer req.done()
	n, err := r.ReadAt(req, dest, off)
	if err != nil && err != io.EOF {
		return nil, h.node.errno("read", err)
	}
	return fuse.ReadResultData(dest[:n]), 0
}

var _ = (gofuse.FileFlusher)((*writeHandle)(nil))

// Flush comes with every close of every copy of a descriptor. That of a process which
// only inherited it, such as a command that a shell redirects, says nothing about the
// file's end.
func (h *writeHandle) Flush(ctx context.Context) syscall.Errno {
	if tid := callerThread(ctx); h.opener != 0 && processOf(tid) != h.opener {
		return 0
	}
	return h.node.errno("close", h.commit(ctx))
}

// commit ends the upload, unless the program that wrote it was killed: it might have
// gone on writing, and a part of an image is none.
func (h *writeHandle) commit(ctx context.Context) error {
	req := begin(ctx)
	defer req.done()
	err := errKilled
	if !dying(req.tid) {
		err = h.draft.commit(req, h)
	}
	if errors.Is(err, errKilled) && h.draft.abandon(h) {
		h.node.vol.log.Info("upload abandoned: the program was killed before it had closed the file", "path", "/"+h.draft.path)
	}
	return err
}

var _ = (gofuse.FileReleaser)((*writeHandle)(nil))

func (h *writeHandle) Release(context.Context) syscall.Errno {
	h.node.endCached()
	h.node.leaveDraft(h.draft)
	return 0
}

var _ = (gofuse.NodeFsyncer)((*imageNode)(nil))

// Fsync of a file that is being written commits it; of any other there is nothing to do.
func (n *imageNode) Fsync(ctx context.Context, f gofuse.FileHandle, _ uint32) syscall.Errno {
	h, ok := f.(*writeHandle)
	if !ok {
		return 0
	}
	return n.errno("fsync", h.commit(ctx))
}
