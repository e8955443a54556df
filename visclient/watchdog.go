package visclient

import (
	"context"
	"io"
	"sync/atomic"
	"time"
)

// watchdog ends a request's context with ErrTimeout when the server has not
// moved for too long. It sleeps while the other side of a transfer is ours.
type watchdog struct {
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

// watch returns a context that ends when patience has passed, unless fed.
func watch(ctx context.Context, patience time.Duration) (context.Context, *watchdog) {
	ctx, cancel := context.WithCancelCause(ctx)
	return ctx, &watchdog{
		timer:  time.AfterFunc(patience, func() { cancel(ErrTimeout) }),
		cancel: cancel,
	}
}

// feed says that the server has moved and may take so long for the next step.
func (w *watchdog) feed(patience time.Duration) { w.timer.Reset(patience) }

// pause says that it is not the server who is waited for.
func (w *watchdog) pause() { w.timer.Stop() }

// end releases the context; what it was for is done.
func (w *watchdog) end() {
	w.timer.Stop()
	w.cancel(context.Canceled)
}

// watchedBody is a reply's body under a watchdog: each read may take patience.
type watchedBody struct {
	io.ReadCloser
	ctx      context.Context
	dog      *watchdog
	patience time.Duration
	received *atomic.Int64 // bytes
}

func (b *watchedBody) Read(p []byte) (int, error) {
	b.dog.feed(b.patience)
	n, err := b.ReadCloser.Read(p)
	b.received.Add(int64(n))
	b.dog.pause()
	if err != nil && err != io.EOF {
		if cause := context.Cause(b.ctx); cause != nil {
			err = cause
		}
	}
	return n, err
}

func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.dog.end()
	return err
}
