package fs

import (
	"context"
	"time"
)

// untilKilled returns a context for work that a mere signal must not drop: it ends,
// with errKilled, only when the calling thread is being killed. The kernel interrupts
// a request for any signal, also those that a program's runtime sends to itself.
func untilKilled(ctx context.Context, pid int) (context.Context, context.CancelFunc) {
	const poll = 50 * time.Millisecond // the kernel interrupts a request once, the killing signal may come later
	work, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	if killed(pid) {
		cancel(errKilled)
	}
	go func() {
		select {
		case <-ctx.Done():
		case <-work.Done():
			return
		}
		for !killed(pid) {
			select {
			case <-time.After(poll):
			case <-work.Done():
				return
			}
		}
		cancel(errKilled)
	}()
	return work, func() { cancel(nil) }
}
