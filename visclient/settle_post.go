package visclient

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// clockSlack is how far the clocks of a server's parts may be from each other. It is
// also what keeps an image from being missed whose time was cut to whole seconds.
const clockSlack = 2 * time.Second

// findPosted looks for the image that was posted, until it is there or it is known not
// to come. A record that the server made for it and left without its data is deleted.
func (d *delivery) findPosted(ctx context.Context, until time.Time) (*meta.Image, error) {
	pause := newPause()
	for {
		made, err := d.look(ctx)
		if err != nil {
			return nil, err
		}
		if len(made.stored) > 0 {
			return made.stored[0], nil
		}
		if !time.Now().Before(until) || made.failed() {
			return nil, d.deleteAll(ctx, made.unfinished)
		}
		if err := sleep(ctx, min(pause.NextBackOff(), time.Until(until))); err != nil {
			return nil, err
		}
	}
}

// made is what the server has of a POST.
type made struct {
	stored     []*meta.Image // as it was sent
	unfinished []*meta.Image // without the data
}

// failed reports whether no data will come any more.
func (m made) failed() bool {
	return len(m.unfinished) > 0 && !slices.ContainsFunc(m.unfinished, func(img *meta.Image) bool { return img.Status != meta.Failed })
}

// look lists what the server has of this POST: images of the user's with its name and
// fields that were registered since it began, and that nobody knows of.
func (d *delivery) look(ctx context.Context) (made, error) {
	list, date, err := d.client.listDetail(ctx, url.Values{"name": {d.op.fields["name"]}}, "")
	if err != nil {
		return made{}, err
	}
	since := d.since(date)
	var m made
	for _, img := range list.Images {
		switch {
		case img.CreatedAt.Before(since) || !d.isNew(img):
		case d.isStored(img):
			m.stored = append(m.stored, img)
		case d.hasData() && img.Status != meta.Available && img.Size == 0:
			m.unfinished = append(m.unfinished, img)
		}
	}
	return m, nil
}

// since is when the first try began by the server's clock, or a little before. That
// clock says what time it is now, ours how long ago the try began.
func (d *delivery) since(now time.Time) time.Time {
	if now.IsZero() {
		now = time.Now()
	}
	ago := time.Since(d.begun)
	drift := ago / 1000
	return now.Add(-ago - drift - clockSlack)
}

func (d *delivery) isNew(img *meta.Image) bool {
	return img.Name == d.op.fields["name"] && img.Owner == d.client.accessKey &&
		!slices.Contains(d.known, img.ID) && !d.client.posted.has(img.ID) && d.op.checkEcho(img) == nil
}

func (d *delivery) isStored(img *meta.Image) bool {
	if d.hasData() {
		return d.op.checkStored(img, *d.whole) == nil
	}
	_, located := d.op.fields["location"]
	return located || img.Status == meta.Locked && img.Size == 0
}

// deleteAll deletes what tries of this POST made. If it is more than they can have made,
// some of it is not theirs, and nothing is deleted.
func (d *delivery) deleteAll(ctx context.Context, images []*meta.Image) error {
	if len(images) > d.tries {
		return nil
	}
	for _, img := range images {
		if _, err := d.client.DeleteImage(ctx, img.ID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// deleteTwins deletes what an earlier try made after it was given up.
func (d *delivery) deleteTwins(ctx context.Context, img *meta.Image) {
	made, err := d.look(ctx)
	if err != nil {
		return
	}
	twins := slices.DeleteFunc(append(made.stored, made.unfinished...), func(i *meta.Image) bool { return i.ID == img.ID })
	if len(twins) < d.tries {
		_ = d.deleteAll(ctx, twins)
	}
}

// recentIDs are the ids of the latest images that a client did something with.
type recentIDs struct {
	mu   sync.Mutex
	ids  [256]meta.ID
	next int
}

func (r *recentIDs) add(id meta.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ids[r.next%len(r.ids)] = id
	r.next++
}

func (r *recentIDs) has(id meta.ID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Contains(r.ids[:], id)
}
