//go:build linux

package integration

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
)

// What may happen to an upload.
const (
	nothingHappens   = "nothing"
	resetOnce        = "connection reset once"
	resetAlways      = "connection reset always"
	refusedOnce      = "500 once"
	refusedAlways    = "500 always"
	refusedLate      = "500 after the data once"
	awayOnce         = "503 once"
	replyLost        = "reply lost once"
	replyLostAlways  = "reply lost always"
	deleteRefused    = "DELETE refused once"
	deleteReplyLost  = "reply to DELETE lost once"
	serverIsReplaced = "server killed and restarted"
)

// What is written to.
const (
	brandNew     = "new file"
	overwritten  = "file that is emptied and written"
	changed      = "file that is changed in place"
	appended     = "file that is appended to"
	withoutBytes = "image without data"
)

var (
	mishaps = []string{
		nothingHappens, resetOnce, resetAlways, refusedOnce, refusedAlways, refusedLate, awayOnce,
		replyLost, replyLostAlways, deleteRefused, deleteReplyLost, serverIsReplaced,
	}
	targets = []string{brandNew, overwritten, changed, appended, withoutBytes}
	orders  = []string{"in order", "out of order"}
)

// mustWork are the mishaps that an upload gets over, because it is sent again, or the
// server is asked whether it has it.
var mustWork = map[string]bool{
	nothingHappens: true, resetOnce: true, awayOnce: true, replyLost: true, deleteReplyLost: true,
}

// uploadCase is one file that is written while something happens.
type uploadCase struct {
	seed    uint64
	mishap  string
	target  string
	order   string
	old     []byte // what the file has before; nil for none
	flags   int
	writes  []extent
	sync    bool  // before the close
	resetAt int64 // byte of the upload
}

// extent is a range of a file that is written.
type extent struct {
	off  int
	data []byte
}

func (c *uploadCase) String() string {
	return fmt.Sprintf("seed %d: %s, %s, %d writes %s", c.seed, c.mishap, c.target, len(c.writes), c.order)
}

// newUploadCase returns the case of a seed. Seeds in a row go through all combinations.
func newUploadCase(seed uint64) *uploadCase {
	const stride = 37 // has no divisor with the number of combinations in common
	i := int(seed * stride % uint64(len(mishaps)*len(targets)*len(orders)))
	rng := rand.New(rand.NewPCG(seed, 1))
	c := &uploadCase{
		seed:   seed,
		mishap: mishaps[i%len(mishaps)],
		target: targets[i/len(mishaps)%len(targets)],
		order:  orders[i/len(mishaps)/len(targets)],
		sync:   rng.IntN(4) == 0,
	}
	c.plan(rng)
	c.resetAt = 1 + rng.Int64N(int64(len(c.result(c.writes))))
	return c
}

// plan decides what is written.
func (c *uploadCase) plan(rng *rand.Rand) {
	part := func() []byte { return cut(rng, 1+rng.IntN(400_000)) }
	end := 0
	c.flags = os.O_RDWR
	switch c.target {
	case brandNew:
		c.flags |= os.O_CREATE | os.O_EXCL
	case overwritten:
		c.flags |= os.O_TRUNC
		c.old = cut(rng, 1+rng.IntN(1<<20))
	case changed:
		c.old = cut(rng, 500_000+rng.IntN(1<<20))
	case appended:
		c.old = cut(rng, 1+rng.IntN(1<<20))
		end = len(c.old)
	case withoutBytes:
		c.old = []byte{}
	}
	for range 3 + rng.IntN(5) {
		if c.target == changed {
			data := cut(rng, 1+rng.IntN(50_000))
			c.writes = append(c.writes, extent{rng.IntN(len(c.old) - len(data)), data})
			continue
		}
		data := part()
		c.writes = append(c.writes, extent{end, data})
		end += len(data)
	}
	if c.order == orders[0] {
		slices.SortStableFunc(c.writes, func(a, b extent) int { return a.off - b.off })
		return
	}
	rng.Shuffle(len(c.writes), func(i, j int) { c.writes[i], c.writes[j] = c.writes[j], c.writes[i] })
}

// cut returns random bytes, which must not be changed.
func cut(rng *rand.Rand, size int) []byte { return noise()[rng.IntN(4<<20):][:size] }

// result is what the file has when these writes are done.
func (c *uploadCase) result(writes []extent) []byte {
	data := c.old
	if c.flags&os.O_TRUNC != 0 {
		data = nil
	}
	for _, w := range writes {
		data = overlaid(data, w.data, w.off)
	}
	return data
}

// fault is what the proxy makes of requests.
func (c *uploadCase) fault() func(*http.Request) fault {
	switch c.mishap {
	case resetOnce:
		return once(isUpload, fault{cutUp: c.resetAt})
	case resetAlways:
		return each(isUpload, fault{cutUp: c.resetAt})
	case refusedOnce:
		return once(isUpload, fault{status: http.StatusInternalServerError})
	case refusedAlways:
		return each(isUpload, fault{status: http.StatusInternalServerError})
	case refusedLate:
		return once(isUpload, fault{status: http.StatusInternalServerError, late: true})
	case awayOnce:
		return once(isUpload, fault{status: http.StatusServiceUnavailable, away: true})
	case replyLost:
		return once(isUpload, fault{lost: true})
	case replyLostAlways:
		return each(isUpload, fault{lost: true})
	case deleteRefused:
		return once(isDelete, fault{status: http.StatusInternalServerError})
	case deleteReplyLost:
		return once(isDelete, fault{lost: true})
	}
	return nil
}

// isUpload tells requests with image data from those with metadata alone.
func isUpload(r *http.Request) bool { return r.ContentLength != 0 }
func isDelete(r *http.Request) bool { return r.Method == http.MethodDelete }
