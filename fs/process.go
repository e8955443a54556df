package fs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// errKilled ends work that nobody waits for any more.
var errKilled = errors.New("the program was killed")

// request is the context of a FUSE request. The kernel interrupts a request for any
// signal to its thread, also for those that a program's runtime sends to itself, and
// an EINTR for these would surprise the program. So this context ends, with
// errKilled, only when a signal that ends programs is pending.
//
// It costs nothing until somebody waits for it.
type request struct {
	context.Context // of go-fuse: its values
	tid             int

	watch   sync.Once
	work    context.Context // ends with the request
	end     context.CancelCauseFunc
	watcher *time.Timer // begins to watch
}

// unwatched is how long a request may take before its caller is watched. Most are done by
// then, and need no goroutine.
const unwatched = 2 * time.Millisecond

// begin returns the context in which a request's work is done. Call done at its end.
func begin(ctx context.Context) *request {
	return &request{Context: ctx, tid: callerThread(ctx)}
}

func (r *request) done() {
	r.watch.Do(func() {}) // nobody has waited, nobody will
	if r.end != nil {
		r.watcher.Stop()
		r.end(nil)
	}
}

// Done starts watching for the death of the caller.
func (r *request) Done() <-chan struct{} {
	r.watch.Do(r.start)
	if r.work == nil {
		return nil
	}
	return r.work.Done()
}

func (r *request) Err() error {
	select {
	case <-r.Done():
		return errKilled
	default:
		return nil
	}
}

func (r *request) start() {
	r.work, r.end = context.WithCancelCause(context.Background())
	r.watcher = time.AfterFunc(unwatched, r.watchCaller)
}

// AfterFunc spares contexts that are derived from this one a goroutine each; see
// [context.AfterFunc].
func (r *request) AfterFunc(f func()) (stop func() bool) {
	r.watch.Do(r.start)
	if r.work == nil {
		return func() bool { return false }
	}
	return context.AfterFunc(r.work, f)
}

func (r *request) watchCaller() {
	const poll = 50 * time.Millisecond // the kernel interrupts a request once, the killing signal may come later
	select {
	case <-r.Context.Done():
	case <-r.work.Done():
		return
	}
	for !endsBySignal(r.tid) {
		select {
		case <-time.After(poll):
		case <-r.work.Done():
			return
		}
	}
	r.end(errKilled)
}

// callerThread is the thread behind a request; 0 when it is in another PID namespace.
func callerThread(ctx context.Context) int {
	caller, ok := fuse.FromContext(ctx)
	if !ok {
		return 0
	}
	return int(caller.Pid)
}
