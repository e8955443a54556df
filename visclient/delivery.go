package visclient

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// delivery is a POST, or a PUT of data, until it is done: what must not be done twice.
// A try that failed is followed by the question whether it was carried out all the same,
// when that is possible, and then by another try, when the body can be read again.
type delivery struct {
	client *Client
	op     call
	source io.Reader
	start  int64     // where source stood at first
	known  []meta.ID // images that were there before
	begun  time.Time // the first try
	tries  int       // so far
	doubt  bool      // one of them may have been carried out, or be carried out still
	ended  bool      // the last try may have reached the server to its end
	whole  *digest   // of the last try that the server may have whole
	left   perseverance
}

func (c *Client) newDelivery(op call, source io.Reader) *delivery {
	d := &delivery{client: c, op: op, source: source, start: -1, begun: time.Now()}
	d.left = perseverance{limit: c.timeout, moved: d.begun, further: d.begun}
	if source == nil {
		return d
	}
	d.op.fields = withDefault(op.fields, "store", c.store)
	d.op.body = newUpload(source, c.MaxImageBytes())
	if s, ok := source.(io.Seeker); ok {
		if at, err := s.Seek(0, io.SeekCurrent); err == nil { // which a pipe cannot
			d.start = at
		}
	}
	return d
}

// send returns the image that the server made. When its reply contradicts what was sent
// there is an error, too.
func (d *delivery) send(ctx context.Context) (*meta.Image, error) {
	defer func() {
		if d.op.body != nil {
			d.op.body.end()
		}
	}()
	if err := d.client.check(d.op); err != nil {
		return nil, err
	}
	d.awaitRelease(ctx)
	pause := newPause()
	for {
		img, err := d.try(ctx)
		if err == nil {
			d.accept(ctx, img)
			return img, d.op.checkReply(img)
		}
		if img, err = d.settle(ctx, err); err == nil {
			d.accept(ctx, img)
			return img, nil
		}
		wait := pause.NextBackOff()
		if ctx.Err() != nil || !d.mayTryAgain(err) || !d.left.lasts(wait) {
			return nil, d.ownConflict(err)
		}
		if sleep(ctx, wait) != nil {
			d.ended = false // whatever the last try did is known
			return d.settle(ctx, fail(ctx, d.op, err))
		}
		if rewound := d.rewind(ctx, err); rewound != nil {
			return nil, rewound
		}
	}
}

// try sends once, and notes how far that came.
func (d *delivery) try(ctx context.Context) (*meta.Image, error) {
	if d.tries++; d.tries > 1 {
		d.client.counts.retries.Add(1)
	}
	var img *meta.Image
	op := d.op
	op.accept = imageInto(op, &img)
	err := op.blame(d.client.try(ctx, op, d.left.untilTheEnd()))
	if err == nil {
		return img, nil
	}
	d.ended = false
	if neverSent(err) {
		return nil, err
	}
	taken := int64(1) // of a request without a body
	d.ended = true
	if op.body != nil {
		if taken, d.ended = op.body.giveUp(); d.ended {
			sent := op.body.digest()
			d.whole = &sent
		}
	}
	d.left.note(taken)
	d.noteBroken(err)
	return nil, err
}

// noteBroken notes that the image may be reserved for a try that nobody waits for.
func (d *delivery) noteBroken(err error) {
	var e *Error
	if d.op.id != "" && d.op.body != nil && errors.As(err, &e) && e.StatusCode == 0 {
		d.client.broken.add(d.op.id)
	}
}

// awaitRelease waits, for a moment, until the server has noticed that this client broke off
// what it uploaded to the image before.
func (d *delivery) awaitRelease(ctx context.Context) {
	if d.op.id == "" || !d.client.broken.has(d.op.id) {
		return
	}
	pause := newPause()
	for until := time.Now().Add(d.grace()); time.Now().Before(until); {
		img, err := d.client.HeadImage(ctx, d.op.id)
		if err != nil || img.Status != meta.Uploading || sleep(ctx, pause.NextBackOff()) != nil {
			return
		}
	}
}

// mayTryAgain reports whether a try that failed, and did nothing, may succeed if made
// again.
func (d *delivery) mayTryAgain(err error) bool {
	if d.op.body != nil && d.start < 0 && !neverSent(err) {
		return false
	}
	// A server that has not noticed yet that the last try broke off answers the next one
	// with a conflict.
	return mayPass(err, d.tries) || d.isOwnConflict(err)
}

// isOwnConflict reports whether a PUT may be in conflict with an earlier try of its own, or
// with another PUT that this client broke off.
func (d *delivery) isOwnConflict(err error) bool {
	var e *Error
	return d.op.id != "" && (d.tries > 1 || d.client.broken.has(d.op.id)) && errors.Is(err, ErrConflict) && errors.As(err, &e) && !e.final
}

// ownConflict marks such an error as one that may pass.
func (d *delivery) ownConflict(err error) error {
	if !d.isOwnConflict(err) {
		return err
	}
	var e *Error
	errors.As(err, &e)
	known := *e
	known.passing = true
	return &known
}

// rewind goes back to the start of the body. It returns the error to end with when that
// cannot be done.
func (d *delivery) rewind(ctx context.Context, failed error) error {
	if d.op.body == nil || neverSent(failed) {
		return nil
	}
	d.op.body.end()
	select {
	case <-d.op.body.ended:
	case <-ctx.Done():
		d.op.body = nil
		return fail(ctx, d.op, failed)
	}
	d.op.body = nil
	if _, err := d.source.(io.Seeker).Seek(d.start, io.SeekStart); err != nil {
		return failed
	}
	d.op.body = newUpload(d.source, d.client.MaxImageBytes())
	return nil
}

// accept ends a delivery that succeeded.
func (d *delivery) accept(ctx context.Context, img *meta.Image) {
	if d.op.id != "" {
		return
	}
	if d.doubt && d.tries > 1 {
		d.deleteTwins(ctx, img)
	}
	d.client.posted.add(img.ID)
}
