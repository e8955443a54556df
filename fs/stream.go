package fs

import (
	"context"
	"io"
)

// holeBytes is how much must have been written behind a gap before the gap is taken for
// a hole, and its zeros are sent. Before that, writes that are only out of order fill it.
const holeBytes = 16 << 20

// stream is an upload that keeps up with the writes of a draft: it was given the bytes
// before given. A write before that makes it void, and the whole is sent at the commit.
type stream struct {
	upload *upload
	given  int64
	ahead  int64 // bytes written behind a gap
}

// startStream starts an upload, to go with the writes. The caller has the turn.
func (d *draft) startStream() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stream = &stream{upload: d.vol.upload(d.parcel())}
	d.sending = d.stream.upload.delivery
}

// follow gives the stream what can be sent after a write of p at off. The caller has the
// turn.
func (d *draft) follow(ctx context.Context, p []byte, off int64) error {
	if !d.content.isSpooled() {
		if err := d.giveRange(ctx, off); err != nil {
			return err
		}
	}
	switch s := d.stream; {
	case s == nil:
		return nil
	case off < s.given:
		d.abortStream()
		return nil
	case off > s.given:
		s.ahead += int64(len(p))
	default:
		if err := d.give(ctx, p); err != nil {
			return err
		}
	}
	return d.catchUp(ctx, off+int64(len(p)))
}

// give sends p next. Where the upload broke, but all is in the spool, the commit sends
// it once more.
func (d *draft) give(ctx context.Context, p []byte) error {
	s := d.stream
	err := s.upload.write(ctx, p)
	if err == nil {
		s.given += int64(len(p))
		return nil
	}
	if ctx.Err() == nil && d.canResend(err) {
		d.abortStream()
		return nil
	}
	return err
}

// catchUp sends the bytes that were written after what was sent. When enough was written
// behind a gap it sends the gaps, too, up to an offset.
func (d *draft) catchUp(ctx context.Context, to int64) error {
	for d.stream != nil {
		s := d.stream
		end := d.content.run(s.given)
		if end == s.given {
			if s.ahead < holeBytes || s.given >= to {
				break
			}
			end = d.content.nextRun(s.given, to)
		}
		if err := d.giveRange(ctx, end); err != nil {
			return err
		}
	}
	if s := d.stream; s != nil && s.given >= d.content.length() {
		s.ahead = 0
	}
	return nil
}

// giveRange sends the bytes up to an offset from the content.
func (d *draft) giveRange(ctx context.Context, end int64) error {
	for d.stream != nil && d.stream.given < end {
		from := d.stream.given
		p := make([]byte, min(end-from, maxWrite))
		if d.content.isSpooled() { // otherwise it is a gap, and zeros
			if _, err := d.content.readAt(ctx, p, from); err != nil && err != io.EOF {
				return err
			}
			d.content.keepBase(p, from)
		}
		if err := d.give(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// abortStream breaks the upload off; what it was to send with the bytes is pending again.
// The caller has the turn.
func (d *draft) abortStream() {
	if s := d.dropStream(); s != nil {
		s.upload.abort()
	}
}

func (d *draft) dropStream() *stream {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stream
	if s != nil {
		d.unpack(s.upload.parcel)
	}
	d.stream = nil
	return s
}
