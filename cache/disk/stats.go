package disk

import "sync/atomic"

type counts struct {
	objects, evicted, discarded, writeErrors, dropped atomic.Int64
}

// Stats tells what a Store has, and what it did since Open.
type Stats struct {
	Limit         int64 `json:"limit_bytes"`    // of files
	Held          int64 `json:"held_bytes"`     // of those, what is given out
	Objects       int64 `json:"objects"`        // that have bytes on disk
	Evicted       int64 `json:"evicted"`        // chunks that made room for others
	Discarded     int64 `json:"discarded"`      // chunks that were damaged or couldn't be read
	WriteErrors   int64 `json:"write_errors"`   // writes that failed
	DroppedWrites int64 `json:"dropped_writes"` // chunks that weren't written after a failure, or for want of room
}

// Stats returns the counters as they are now.
func (s *Store) Stats() Stats {
	return Stats{
		Limit:         s.room.limit,
		Held:          s.room.bytes(),
		Objects:       s.counts.objects.Load(),
		Evicted:       s.counts.evicted.Load(),
		Discarded:     s.counts.discarded.Load(),
		WriteErrors:   s.counts.writeErrors.Load(),
		DroppedWrites: s.counts.dropped.Load(),
	}
}
