package fs

import (
	"context"
	"io"
	"sync"
	"sync/atomic"

	"github.com/visorfs/visorfs/meta"
)

// parcel says what stores a draft on the server.
type parcel struct {
	name   string // of the image
	isNew  bool   // it becomes one more image
	fields meta.Fields
	send   func(ctx context.Context, body io.Reader) (*meta.Image, error)
}

// delivery is a parcel on its way, in a goroutine of its own, so that who waits for it
// can go away at once.
type delivery struct {
	vol    *volume
	parcel parcel
	cancel context.CancelFunc
	done   chan struct{} // closed when the server has answered, or the delivery broke
	sent   atomic.Int64  // bytes of the body that were handed over to be sent, by the latest try

	img *meta.Image // valid once done
	err error       // likewise
}

// deliver sends a parcel. What an earlier one of the name has left is removed before:
// that goes by the name.
func (v *volume) deliver(p parcel, body func(ctx context.Context) io.Reader) *delivery {
	ctx, cancel := context.WithCancel(v.uploads)
	d := &delivery{vol: v, parcel: p, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(d.done)
		defer cancel()
		if d.err = v.leftovers.wait(ctx, p.name); d.err == nil {
			d.img, d.err = p.send(ctx, d.counting(body(ctx)))
		}
		if d.err != nil && v.uploads.Err() != nil {
			d.err = errStopped
		}
	}()
	return d
}

// wait returns what the server stored. When ctx ends first the delivery is left.
func (d *delivery) wait(ctx context.Context) (*meta.Image, error) {
	select {
	case <-d.done:
		return d.img, d.err
	case <-ctx.Done():
		d.leave()
		return nil, context.Cause(ctx)
	}
}

// abort breaks the delivery off, so that the server stores nothing, and waits for its end.
func (d *delivery) abort() {
	d.cancel()
	<-d.done
}

// leave breaks the delivery off, and removes what it may have stored all the same. It
// waits for nothing.
func (d *delivery) leave() {
	d.cancel()
	if !d.vol.leftovers.add(d) {
		return
	}
	go func() {
		<-d.done
		if d.err == nil && d.parcel.isNew {
			if err := d.vol.deleteSettling(context.Background(), d.img.ID); err != nil {
				d.vol.log.Error("an image stays that its program did not wait for: "+err.Error(), "path", "/"+d.parcel.name, "id", string(d.img.ID))
			}
		}
		d.vol.leftovers.remove(d)
	}()
}

// leftovers are deliveries that were left and are not over.
type leftovers struct {
	mu   sync.Mutex
	left map[*delivery]chan struct{} // closed when it is over
}

// add reports false if the delivery was added before.
func (l *leftovers) add(d *delivery) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.left[d] != nil {
		return false
	}
	if l.left == nil {
		l.left = make(map[*delivery]chan struct{})
	}
	l.left[d] = make(chan struct{})
	return true
}

func (l *leftovers) remove(d *delivery) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.left[d])
	delete(l.left, d)
}

// wait returns when nothing of a name is left.
func (l *leftovers) wait(ctx context.Context, name string) error {
	for _, over := range l.of(name) {
		select {
		case <-over:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (l *leftovers) of(name string) []chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []chan struct{}
	for d, over := range l.left {
		if d.parcel.name == name {
			all = append(all, over)
		}
	}
	return all
}
