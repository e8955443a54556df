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

// draftHandle is a file opened for writing.
type draftHandle struct {
	node   *imageNode
	draft  *draft
	opener int // process that opened the file; 0 when it is not known

	// of the draft; guarded by draft.mu
	began int // epoch in which the file was created or emptied through the handle
	wrote int // epoch of the latest write
	saw   int // how often the file had been emptied by then

	closed bool // by who opened it, and not written since
}

// wroteIn tells whether something was written through the handle since the commit that an
// epoch began with. The caller holds draft.mu.
func (h *draftHandle) wroteIn(epoch int) bool { return h.wrote == epoch }

// isVoid tells whether another program emptied the file after it was begun or written
// through the handle, and before that was stored: who closes it must not be told that it
// was. The caller holds draft.mu.
func (h *draftHandle) isVoid() bool {
	if h.saw == len(h.draft.emptied) {
		return false
	}
	next := h.draft.emptied[h.saw]
	return (h.wroteIn(next.epoch) || h.began == next.epoch) && (next.process == 0 || next.process != h.opener)
}

// markClosed notes whether a handle was closed; its release comes later.
func (d *draft) markClosed(h *draftHandle, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	h.setClosed(closed)
}

// setClosed is markClosed for who holds draft.mu.
func (h *draftHandle) setClosed(closed bool) {
	switch {
	case closed && !h.closed:
		h.draft.closed++
	case !closed && h.closed:
		h.draft.closed--
	}
	h.closed = closed
}

// begin notes that the file begins anew through the handle. The caller holds draft.mu.
func (h *draftHandle) begin() { h.began, h.saw = h.draft.epoch, len(h.draft.emptied) }

// openDraft opens an image for writing, in the draft that the node has or gets.
func (n *imageNode) openDraft(ctx context.Context, flags uint32) (*draftHandle, error) {
	if n.vol.stopping.Load() && n.currentDraft() == nil {
		return nil, errStopping
	}
	if err := n.writeMode(); err != nil {
		return nil, err
	}
	d, err := n.joinDraft(ctx)
	if err != nil {
		n.endCached()
		return nil, err
	}
	h := newDraftHandle(ctx, n, d)
	if flags&syscall.O_TRUNC == 0 {
		return h, nil
	}
	if err := d.truncate(ctx, h, 0); err != nil {
		n.endCached()
		n.leaveDraft(h)
		return nil, err
	}
	return h, nil
}

func newDraftHandle(ctx context.Context, n *imageNode, d *draft) *draftHandle {
	return &draftHandle{node: n, draft: d, opener: processOf(callerThread(ctx))}
}

// joinDraft counts one more writer on the node's draft, which is made here if there is
// none.
func (n *imageNode) joinDraft(ctx context.Context) (*draft, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for n.draft == nil {
		n.mu.Unlock()
		moves := n.vol.movesNow()
		d, err := n.newDraft(ctx)
		n.mu.Lock()
		switch {
		case err != nil:
			return nil, err
		case n.draft == nil && n.vol.pinSince(moves, d.name(), n):
			n.draft = d
		default: // somebody was faster, or the file may have another path now
			defer d.content.release()
		}
	}
	n.draft.handles++
	return n.draft, nil
}

// newDraft returns a draft of the image as it is stored.
func (n *imageNode) newDraft(ctx context.Context) (*draft, error) {
	f, err := n.file(ctx)
	if err == nil {
		f, err = n.vol.inTree(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	if err := checkLitter(f.Path); err != nil { // stored by another client
		return nil, err
	}
	if f.Image.Status == meta.Uploading {
		return nil, errBusy
	}
	return newDraft(n, f.Path, f.Image, nil)
}

// leaveDraft ends a handle; the last one ends the draft.
func (n *imageNode) leaveDraft(h *draftHandle) {
	d := h.draft
	n.mu.Lock()
	d.handles--
	d.markClosed(h, false)
	last := d.handles == 0
	n.mu.Unlock()
	if !last {
		return
	}
	if err := d.end(context.Background()); err != nil {
		n.vol.errno("commit after close", d.name(), n.imageID(), err)
	}
	n.mu.Lock()
	if last = d.handles == 0; last { // nobody opened the file meanwhile
		n.dropDraft(d)
	}
	n.mu.Unlock()
	if last {
		d.retire()
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
	if n.draft != d {
		return
	}
	n.draft = nil
	n.vol.unpin(d.name(), n)
	if n.hasOtherNumber() && !n.vol.isOpen(n) { // otherwise that is done when it is not
		n.vol.notifier.addAnew(d.name())
	}
	if img, commits := d.committed(); commits > 0 {
		n.used().latest, n.used().opened = img, img
		n.used().commits += commits
	}
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
	n.vol.unpin(d.name(), n)
	return true, nil
}

var _ = (gofuse.FileWriter)((*draftHandle)(nil))

func (h *draftHandle) Write(ctx context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	if err := h.draft.write(req, h, data, off); err != nil {
		return 0, h.node.errno("write", err)
	}
	h.node.vol.requests.written.Add(int64(len(data)))
	return uint32(len(data)), 0
}

var _ = (gofuse.FileReader)((*draftHandle)(nil))

func (h *draftHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	n, err := h.draft.read(req, dest, off)
	if err != nil && err != io.EOF {
		return nil, h.node.errno("read", err)
	}
	h.node.vol.requests.read.Add(int64(n))
	return fuse.ReadResultData(dest[:n]), 0
}

var _ = (gofuse.FileAllocater)((*draftHandle)(nil))

// Allocate reserves nothing: the server has room or has not. It makes the file longer,
// or a range of it zeros.
func (h *draftHandle) Allocate(ctx context.Context, off, size uint64, mode uint32) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	return h.node.errno("fallocate", h.draft.allocate(req, h, int64(off), int64(off+size), mode))
}

var _ = (gofuse.FileFlusher)((*draftHandle)(nil))

// Flush comes with every close of every copy of a descriptor. That of a process which
// only inherited it, such as a command that a shell redirects, says nothing about the
// file's end.
func (h *draftHandle) Flush(ctx context.Context) syscall.Errno {
	if tid := callerThread(ctx); h.opener != 0 && processOf(tid) != h.opener {
		return 0
	}
	h.draft.markClosed(h, true)
	return h.node.errno("close", h.commit(ctx, h))
}

// commit stores what was written through the given handle (nil: through any), unless the
// program is being killed: it might have gone on writing, and a part of an image is none.
func (h *draftHandle) commit(ctx context.Context, through *draftHandle) error {
	req := begin(ctx)
	defer req.done()
	err := errKilled
	if !dying(req.tid) {
		err = h.draft.commit(req, through)
	}
	if errors.Is(err, errKilled) && h.draft.abandon(h) {
		h.node.vol.log.Info("upload abandoned: the program was killed before it had closed the file", "path", "/"+h.draft.name())
	}
	return err
}

var _ = (gofuse.FileReleaser)((*draftHandle)(nil))

func (h *draftHandle) Release(context.Context) syscall.Errno {
	h.node.vol.released(h.node)
	h.node.endCached()
	h.node.leaveDraft(h)
	return 0
}

var _ = (gofuse.NodeFsyncer)((*imageNode)(nil))

// Fsync of a file that is being written commits it, whoever wrote; of any other there is
// nothing to do.
func (n *imageNode) Fsync(ctx context.Context, f gofuse.FileHandle, _ uint32) syscall.Errno {
	h, ok := f.(*draftHandle)
	if !ok {
		return 0
	}
	return n.errno("fsync", h.commit(ctx, nil))
}
