package disk

import (
	"sync/atomic"
	"time"
)

// retryAfter a failed write the disk is asked again: it may have space by then.
const retryAfter = 30 * time.Second

// pause says whether writes are worth a try.
type pause struct {
	failing atomic.Bool  // the last write failed
	until   atomic.Int64 // nanoseconds since 1970
}

func (p *pause) over(now time.Time) bool {
	return !p.failing.Load() || now.UnixNano() >= p.until.Load()
}

// wrote notes the result of a write.
func (s *Store) wrote(err error) {
	if err == nil {
		if s.pause.failing.Load() && s.pause.failing.CompareAndSwap(true, false) {
			s.log.Info("disk cache: writes work again", "dir", s.dir)
		}
		return
	}
	s.counts.writeErrors.Add(1)
	s.pause.until.Store(s.now().Add(retryAfter).UnixNano())
	if !s.pause.failing.Swap(true) {
		s.log.Warn("disk cache: can't write, continuing without", "dir", s.dir, "retry", retryAfter, "err", err)
	}
}
