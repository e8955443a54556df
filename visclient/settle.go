package visclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// afterCancel bounds how long a cancelled call asks what the server made of it.
const afterCancel = 2 * time.Second

// settle finds out what became of a try that failed. It returns the image if the try, or
// one before, was carried out all the same; otherwise the error, and nothing of the
// tries is left. A POST that was cancelled is taken back.
func (d *delivery) settle(ctx context.Context, failed error) (*meta.Image, error) {
	until, ask := d.question(failed)
	if !ask {
		return nil, failed
	}
	cancelled := ctx.Err() != nil
	if cancelled {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), afterCancel)
		defer cancel()
	}
	look := d.findPosted
	if d.op.id != "" {
		look = d.findPut
	}
	img, err := look(ctx, until)
	if img != nil && cancelled && d.op.id == "" {
		_, err = d.client.DeleteImage(ctx, img.ID)
		img = nil
	}
	if err != nil {
		return nil, unsettled(failed, err)
	}
	if img == nil {
		d.left.answered()
		return nil, failed
	}
	return img, nil
}

// question reports whether the server must be asked, and until when its answer may
// change to the better: while what was sent is on its way, or being stored.
func (d *delivery) question(failed error) (until time.Time, ask bool) {
	now := time.Now()
	var e *Error
	errors.As(failed, &e)
	switch {
	case d.isOwnConflict(failed):
		return now, true
	case d.ended && mayBeDone(failed):
		d.doubt = true
		if e.StatusCode == http.StatusInternalServerError {
			return now, true
		}
		return now.Add(d.grace()), true
	case d.doubt:
		return now, true
	}
	return now, d.ended && d.leavesRecord(e)
}

// grace is how long the server may still be at work on what it was sent, after the
// connection was lost.
func (d *delivery) grace() time.Duration {
	grace := time.Second
	if d.whole != nil {
		grace += storing(d.whole.size)
	}
	return min(grace, d.client.timeout/2)
}

// leavesRecord reports whether a refused POST of data left a record without them: the
// original server registers an image before it finds that it cannot store its data.
func (d *delivery) leavesRecord(e *Error) bool {
	return e != nil && e.original && d.op.id == "" && d.hasData() &&
		e.StatusCode != http.StatusForbidden && e.StatusCode != http.StatusUnauthorized
}

// hasData reports whether the server may have data of this delivery.
func (d *delivery) hasData() bool { return d.whole != nil && d.whole.size > 0 }

var errOtherData = errors.New("the image has other data, or attributes, by now")

// unsettled is the error of a try of which nobody knows whether it was carried out, and
// which must not be repeated therefore.
func unsettled(failed, asking error) error {
	var e *Error
	if !errors.As(failed, &e) {
		e = &Error{Err: failed}
	}
	known := *e
	known.final = true
	note := fmt.Sprintf("it may have been carried out all the same: asking for it: %v", asking)
	if errors.Is(asking, errOtherData) {
		note = asking.Error()
	}
	if known.Err != nil {
		known.Err = fmt.Errorf("%w (%s)", known.Err, note)
	} else {
		known.Err = errors.New(note)
	}
	return &known
}

// findPut looks at the image that data were sent to, until they are stored or it is
// known that they are not.
func (d *delivery) findPut(ctx context.Context, until time.Time) (*meta.Image, error) {
	pause := newPause()
	patience := time.Now().Add(d.client.timeout)
	for {
		img, err := d.client.HeadImage(ctx, d.op.id)
		switch {
		case errors.Is(err, ErrNotFound):
			return nil, nil
		case err != nil:
			return nil, err
		case img.Status == meta.Available:
			return d.ifOurs(img)
		case img.Status == meta.Uploading && d.client.IsOriginal() && !time.Now().Before(until):
			return nil, d.free(ctx)
		case img.Status == meta.Uploading && !time.Now().Before(patience):
			return nil, errors.New("it is uploading still")
		case img.Status != meta.Uploading && !time.Now().Before(until):
			return nil, nil
		}
		if err := sleep(ctx, pause.NextBackOff()); err != nil {
			return nil, err
		}
	}
}

// ifOurs returns the image if its data and fields are those that were sent.
func (d *delivery) ifOurs(img *meta.Image) (*meta.Image, error) {
	if !d.hasData() || d.op.checkStored(img, *d.whole) != nil || d.op.checkEcho(img) != nil {
		return nil, errOtherData
	}
	return img, nil
}

// free makes an image take data again that the original server left in the state
// uploading when it died over them.
func (d *delivery) free(ctx context.Context) error {
	op := imageCall("put image", http.MethodPut, d.op.id)
	op.fields = meta.Fields{"status": string(meta.Failed)}
	_, err := d.client.putFields(ctx, op)
	return err
}
