package disk

import "sync"

// room counts the bytes that the files have, and those promised to writes.
type room struct {
	limit int64

	mu   sync.Mutex // last of all
	held int64
}

// take takes n bytes, if they are free.
func (r *room) take(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n > r.limit-r.held {
		return false
	}
	r.held += n
	return true
}

// give gives n bytes back. Less than 0 takes them, free or not.
func (r *room) give(n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.held -= n
}

func (r *room) bytes() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held
}
