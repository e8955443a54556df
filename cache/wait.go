package cache

import (
	"context"
	"time"
)

// wait is a chunk that has been asked of a stream and hasn't come yet. Reads of one
// chunk share it.
type wait struct {
	index int64
	done  chan struct{} // closed when data or err is set
	data  []byte
	err   error

	// guarded by Reader.mu
	stream  *stream
	waiters int
}

// afterFailure is how long those who ask again for a chunk that failed get the same
// error. The kernel asks again at once for each page that it got an error for, and would
// wait as long again, two or three times over.
const afterFailure = 250 * time.Millisecond

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
	if f.err == nil || i < f.first || i > f.last || time.Since(f.at) > afterFailure {
		return nil
	}
	return f.err
}

// failedWait is a wait that is over.
func failedWait(i int64, err error) *wait {
	w := &wait{index: i, done: make(chan struct{}), err: err}
	close(w.done)
	return w
}

// part is one chunk of a read: in hand, or waited for.
type part struct {
	data []byte
	wait *wait
}

func (p *part) get(ctx context.Context) ([]byte, error) {
	if p.wait == nil {
		return p.data, nil
	}
	select {
	case <-p.wait.done:
		return p.wait.data, p.wait.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join adds one who waits for chunk i, which s will pass. r.mu is held.
func (r *Reader) join(s *stream, i int64) *wait {
	w := &wait{index: i, done: make(chan struct{}), stream: s, waiters: 1}
	r.waits[i] = w
	s.waiting++
	return w
}

// leave gives up the parts that have not come.
func (r *Reader) leave(parts []part) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range parts {
		if w := p.wait; w != nil {
			w.waiters--
			if w.waiters == 0 && r.waits[w.index] == w {
				r.forget(w)
			}
		}
	}
}

// settle ends a wait. r.mu is held.
func (r *Reader) settle(w *wait, data []byte, err error) {
	r.forget(w)
	w.data, w.err = data, err
	close(w.done)
}

// forget takes w off the table. The idle time of its stream counts from here.
func (r *Reader) forget(w *wait) {
	delete(r.waits, w.index)
	w.stream.waiting--
	w.stream.lastWanted = time.Now()
}
