package fs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/spool"
	"github.com/visorfs/visorfs/visclient"
)

// maxWrite is the most that the kernel writes at once, in bytes.
const maxWrite = 1 << 20

var zeros [maxWrite]byte

// write puts p at an offset, and has the upload follow. A write that cannot be done
// breaks the draft: whoever overlooks the error must not find a part of the file stored.
func (d *draft) write(ctx context.Context, h *draftHandle, p []byte, off int64) error {
	return d.change(ctx, h, off+int64(len(p)), func() error {
		if d.mayStream() && off == 0 {
			d.startStream()
		}
		if err := d.keep(ctx, p, off); err != nil {
			return err
		}
		return d.follow(ctx, p, off)
	})
}

// change makes a change of the content that reaches up to an offset.
func (d *draft) change(ctx context.Context, h *draftHandle, to int64, do func() error) error {
	if err := d.take(ctx); err != nil {
		return err
	}
	defer d.pass()
	if err := d.mayChange(h); err != nil {
		return err
	}
	err := d.checkSize(to)
	if err == nil {
		err = do()
	}
	if err == nil {
		d.touch(h)
		return nil
	}
	if ctx.Err() == nil {
		if refused := (*visclient.Error)(nil); errors.As(err, &refused) {
			d.salvage()
		}
		d.fail(err)
	}
	return err
}

// mayChange reports why the content cannot be changed through a handle.
func (d *draft) mayChange(h *draftHandle) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.failed != nil:
		return d.failed
	case h != nil && h.isVoid():
		return errOverwritten
	case d.vol.noOverwrite && !d.changed && !d.discarded && d.stored != nil && !d.stored.Status.TakesData():
		return errNoOverwrite
	}
	return nil
}

func (d *draft) checkSize(size int64) error {
	if limit := d.vol.client.MaxImageBytes(); size > limit {
		return fmt.Errorf("%w: it takes %d bytes", visclient.ErrTooLarge, limit)
	}
	return nil
}

// mayStream tells whether an upload can go with the writes that begin now.
func (d *draft) mayStream() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stream == nil && !d.discarded && d.content.length() == 0
}

// keep puts p into the spool. Where that cannot be, it is only sent, if it comes in order.
func (d *draft) keep(ctx context.Context, p []byte, off int64) error {
	err := d.content.write(p, off)
	if err == nil {
		return nil
	}
	if d.stream != nil && d.content.isSpooled() {
		d.stream.ahead = holeBytes // whatever is missing is a hole
		if err := d.catchUp(ctx, d.content.length()); err != nil {
			return err
		}
	}
	if d.stream == nil || off < d.stream.given {
		return err
	}
	if d.content.isSpooled() {
		d.content.giveUp(err)
		d.sayUnspooled(err)
	}
	d.content.extend(off + int64(len(p)))
	return nil
}

// sayUnspooled tells why the file is not in the spool. One that is full is nobody's fault.
func (d *draft) sayUnspooled(cause error) {
	const then = "the file is uploaded as it is written, and can only be written in order"
	if errors.Is(cause, spool.ErrNoRoom) {
		d.vol.log.Info("no room in the spool: "+then, "path", "/"+d.name())
		return
	}
	d.vol.log.Warn("the spool fails: "+then, "path", "/"+d.name(), "err", cause)
}

// touch shows the file as changed now, through a handle (nil: by its path).
func (d *draft) touch(h *draftHandle) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.changed = d.changed || d.stored == nil || !d.stored.Status.TakesData() || d.content.length() > 0
	if h == nil {
		d.byPath = true
	} else {
		h.wrote, h.saw = d.epoch, len(d.emptied)
		h.setClosed(false)
	}
	delete(d.fields, mtimeKey) // set before this change
	d.show(func(img *meta.Image) {
		img.Size = d.content.length()
		img.UploadedAt = time.Now()
		delete(img.Other, mtimeKey)
	})
}

// truncate changes the file's length. h is the handle it came through, if that is known.
func (d *draft) truncate(ctx context.Context, h *draftHandle, size int64) error {
	if size == d.content.length() && d.isIntact() {
		if size == 0 {
			d.noteEmptied(ctx, h)
		}
		return nil
	}
	return d.change(ctx, h, size, func() error {
		if s := d.stream; s != nil && size < s.given {
			d.abortStream()
		}
		if size == 0 {
			d.noteEmptied(ctx, h)
		}
		return d.content.truncate(size)
	})
}

// noteEmptied makes void what other programs wrote.
func (d *draft) noteEmptied(ctx context.Context, h *draftHandle) {
	var process int
	if h != nil {
		process = h.opener
	} else {
		process = processOf(callerThread(ctx))
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.emptied = append(d.emptied, emptying{epoch: d.epoch, process: process})
	if h != nil {
		h.begin()
	}
}

// isIntact tells whether nothing was refused so far.
func (d *draft) isIntact() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.failed == nil
}

// zero makes a range of the file zeros, within its length.
func (d *draft) zero(ctx context.Context, h *draftHandle, off, end int64) error {
	return d.change(ctx, h, end, func() error {
		if s := d.stream; s != nil && off < s.given {
			d.abortStream()
		}
		return d.content.zero(off, min(end, max(d.content.length(), off)))
	})
}

// read reads what programs see of the content.
func (d *draft) read(ctx context.Context, p []byte, off int64) (int, error) {
	d.mu.Lock()
	failed := d.failed
	d.mu.Unlock()
	if failed != nil {
		return 0, failed
	}
	return d.content.readAt(ctx, p, off)
}

// allocate does what fallocate asks for by mode.
func (d *draft) allocate(ctx context.Context, h *draftHandle, off, end int64, mode uint32) error {
	const (
		keepSize = 1 // as in linux/falloc.h
		zeroing  = 2 | 16
	)
	switch {
	case mode&^(zeroing|keepSize) != 0:
		return fmt.Errorf("fallocate mode %#x: %w", mode, errUnsupported)
	case mode&zeroing != 0 && !d.content.isSpooled():
		return d.content.whyUnspooled()
	}
	if mode&zeroing != 0 {
		if err := d.zero(ctx, h, off, end); err != nil {
			return err
		}
	}
	if mode&keepSize != 0 || end <= d.content.length() {
		return nil
	}
	return d.truncate(ctx, h, end)
}
