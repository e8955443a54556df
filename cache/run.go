package cache

import (
	"slices"
	"sync/atomic"
	"time"
)

const (
	// nearBytes is how far from the end of an earlier read one may start and still
	// follow it: the kernel keeps requests in flight, not always in order.
	nearBytes  = 256 << 10
	nearChunks = nearBytes / chunkBytes

	// requestsInFlight is how many of those there are, inFlightBytes the least size of one.
	requestsInFlight = 4
	inFlightBytes    = 64 << 10

	// farBytes is the same once a reader has come some way: two windows of read-ahead.
	farBytes = 8 << 20

	// followed is how many sequential readers of one object are told apart.
	followed = 16
)

// run is one reader that moves forward. It is guarded by Reader.mu, but for waited.
type run struct {
	begin int64 // byte where it was first met
	end   int64 // byte that it has reached
	last  time.Time

	planned int64 // chunk: what is before it was planned by lanes, or known
	streams int   // that live for it
	active  int   // of those, that have not handed over
	waiting int   // waits for those
	lanes   lanes
	waited  atomic.Int64 // nanoseconds that reads waited for its streams
}

// length is how many bytes it has come.
func (u *run) length() int64 { return u.end - u.begin }

// isNext tells whether a read of [off, end) goes on where u is. The kernel keeps some
// large requests of a reader that has come some way in flight, not always in order; all
// others begin where the one before ended.
func (u *run) isNext(off, end int64) bool {
	n := end - off
	if off == u.end {
		return true
	}
	if n < inFlightBytes || u.begin > 0 && u.length() < 2*n {
		return false
	}
	reach := reachOf(n)
	if u.length() > farBytes {
		reach = farBytes
	}
	back := min(reach, max(nearBytes, u.length()))
	return off-reach <= u.end && u.end <= off+back
}

// isStart tells whether a read is the first of somebody who reads from the start.
func isStart(off, end int64) bool {
	return off == 0 || end-off >= inFlightBytes && off <= reachOf(end-off)
}

func reachOf(n int64) int64 { return max(nearBytes, min(requestsInFlight*n, farBytes)) }

// history holds the latest runs of an object, newest first.
type history struct{ runs [followed]*run }

// follow records a read of [off, end). It returns the run that the read belongs to, the
// byte that the run had reached, which is off or a little before, and whether the read is
// sequential: it goes on where another ended, or is near the start.
func (h *history) follow(off, end int64) (u *run, from int64, sequential bool) {
	at := slices.IndexFunc(h.runs[:], func(u *run) bool {
		return u != nil && u.isNext(off, end)
	})
	if from, sequential = off, isStart(off, end); sequential {
		from = 0
	}
	if at < 0 {
		at = followed - 1
		u = &run{begin: from, end: end}
		h.runs[at] = u
	} else {
		u = h.runs[at]
		from, sequential = min(off, u.end), true
		u.end = max(u.end, end)
	}
	u.last = time.Now()
	copy(h.runs[1:at+1], h.runs[:at])
	h.runs[0] = u
	return u, from, sequential
}

// isLast tells whether no other run that is alive is behind u, near enough to want what
// u has read.
func (h *history) isLast(u *run, near int64) bool {
	for _, v := range h.runs {
		if v != nil && v != u && v.end < u.end && v.end > u.end-near && time.Since(v.last) < time.Second {
			return false
		}
	}
	return true
}
