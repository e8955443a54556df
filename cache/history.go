package cache

import "slices"

const (
	// nearBytes is how far from the end of an earlier read one may start and still
	// follow it: the kernel keeps two requests in flight, not always in order.
	nearBytes  = 256 << 10
	nearChunks = nearBytes / chunkBytes

	// followed is how many sequential readers of one object are told apart.
	followed = 16
)

// history holds where the latest reads ended, newest first. It begins as if reads had
// ended at 0, so a read near the start follows.
type history struct{ ends [followed]int64 }

// follow records a read of [off, end). It reports whether the read is sequential, and
// the byte that the sequence has reached, which is off or a little before.
func (h *history) follow(off, end int64) (from int64, sequential bool) {
	at := slices.IndexFunc(h.ends[:], func(e int64) bool {
		return off-nearBytes <= e && e <= off+nearBytes
	})
	from, sequential = off, off <= nearBytes
	if at < 0 {
		at = followed - 1
	} else {
		from, sequential = min(off, h.ends[at]), true
	}
	copy(h.ends[1:at+1], h.ends[:at])
	h.ends[0] = end
	return from, sequential
}
