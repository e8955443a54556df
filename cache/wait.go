package cache

import (
	"context"
	"errors"
	"time"
)

// wait is a chunk that has been asked of a stream and hasn't come yet. Reads of one
// chunk share it.
type wait struct {
	index int64
	done  chan struct{} // closed when chunk or err is set
	chunk *chunk        // held once for each waiter; at least the bytes that they need
	err   error

	// guarded by Reader.mu
	stream  *stream
	waiters int
	need    int64 // bytes of the chunk
	settled bool
}

// get returns the chunk, which the caller is to release; or why there is none.
func (w *wait) get(ctx context.Context) (*chunk, error) {
	select {
	case <-w.done:
		return w.chunk, w.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// afterFailure is how long those who ask again for a chunk that failed get the same
// error. The kernel asks again at once for each page that it got an error for, and would
// wait as long again, two or three times over.
const afterFailure = 250 * time.Millisecond

// afterShort is the same where the source has fewer bytes than it said, which took
// seconds of asking to be sure of.
const afterShort = 10 * time.Second

// failure is what the latest waits failed with.
type failure struct {
	err         error
	at          time.Time
	first, last int64 // chunks
}

func (f *failure) add(i int64, err error) {
	if f.err != err {
		*f = failure{err: err, first: i, last: i}
	}
	f.at = time.Now()
	f.first, f.last = min(f.first, i), max(f.last, i)
}

// of returns the error of a chunk that failed just now.
func (f *failure) of(i int64) error {
	lasts := afterFailure
	if errors.Is(f.err, ErrShort) {
		lasts = afterShort
	}
	if f.err == nil || i < f.first || i > f.last || time.Since(f.at) > lasts {
		return nil
	}
	return f.err
}

// failedWait is a wait that is over.
func failedWait(i int64, err error) *wait {
	w := &wait{index: i, done: make(chan struct{}), err: err, settled: true}
	close(w.done)
	return w
}

// join adds one who waits for the first need bytes of chunk i, which s will pass. r.mu is
// held.
func (r *Reader) join(s *stream, i, need int64) *wait {
	w := &wait{index: i, done: make(chan struct{}), stream: s, waiters: 1, need: need}
	r.waits[i] = w
	s.addWaiting(1)
	return w
}

// leave gives up parts that were not copied.
func (r *Reader) leave(parts []part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range parts {
		if w := parts[i].wait; w != nil {
			r.leaveWait(w)
		}
		parts[i].release()
	}
}

func (r *Reader) leaveWait(w *wait) {
	if w.settled {
		w.chunk.release()
		return
	}
	w.waiters--
	if w.waiters == 0 && r.waits[w.index] == w {
		r.unlist(w)
	}
}

// settle ends a wait. r.mu is held.
func (r *Reader) settle(w *wait, c *chunk, err error) {
	r.unlist(w)
	w.chunk, w.err, w.settled = c, err, true
	if c != nil {
		c.refs.Add(int32(w.waiters))
	}
	close(w.done)
}

// unlist takes w off the table. The idle time of its stream counts from here.
func (r *Reader) unlist(w *wait) {
	delete(r.waits, w.index)
	w.stream.addWaiting(-1)
	w.stream.lastWanted = time.Now()
}
