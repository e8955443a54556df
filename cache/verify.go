package cache

import (
	"cmp"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"sync"
	"time"
)

// ErrCorrupt is the cause when the bytes of a whole object are not those that its MD5
// tells. What was cached of it has been dropped then.
var ErrCorrupt = errors.New("the bytes are not those that the MD5 of the whole tells")

// Verify is which passes over an object are compared with its MD5.
type Verify int

const (
	// VerifyAuto has objects of up to waitBytes always verified, and larger ones as long
	// as hashing keeps up with the source: it takes more time than to fetch from nearby.
	VerifyAuto Verify = iota

	VerifyAlways // the pass goes at the speed of hashing, if that is less
	VerifyNever
)

const waitBytes = 256 << 20

// verifier hashes the chunks of one object as they come, in order, and so a whole pass.
// It lets go of an object of which a chunk is missing; the next pass begins anew. Its
// lock is taken with no other held, and memory.mu while it is held.
type verifier struct {
	r *Reader

	mu      sync.Mutex
	hash    hash.Hash        // nil while there is no pass
	next    int64            // chunk to be hashed
	last    bool             // the last chunk has come
	ahead   map[int64]*chunk // that came while others were hashed, held
	hashing bool             // a goroutine is at it
	rest    chan struct{}    // closed when it has nothing to hash
	changed sync.Cond        // ahead became smaller, or hashing ended
	err     error            // of the latest pass
	bad     error            // of a bad pass, whatever passes follow, until its readers have been told
	told    time.Time        // when the first of them was; zero before
}

// afterCorrupt is how long reads of the last chunk fail after the first of them did. The
// kernel asks again for what it read ahead, or in pages, and must not get from the next
// pass what makes bad bytes before it look whole.
const afterCorrupt = time.Second

func newVerifier(r *Reader) *verifier {
	v := &verifier{r: r}
	v.changed.L = &v.mu
	return v
}

// wanted tells whether a pass has to be verified at all.
func (v *verifier) wanted() bool {
	return v.r.md5 != "" && v.r.cache.opts.Verify != VerifyNever
}

// feed takes a chunk that came from the source. It may hold the stream up.
func (v *verifier) feed(i int64, c *chunk) {
	if !v.wanted() {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.hash == nil {
		if i > 0 {
			return
		}
		v.begin()
	}
	for v.hashing && v.behind() && i > v.next {
		if !v.mayWait() {
			v.end()
			return
		}
		v.changed.Wait()
	}
	if v.hash == nil || i < v.next {
		return
	}
	v.last = v.last || i == v.r.chunks-1
	if v.ahead[i] == nil && (v.hashing || i == v.next) {
		v.ahead[i] = c.hold()
	}
	v.hashOn()
}

// behind tells whether so much waits to be hashed that the memory is better used.
func (v *verifier) behind() bool {
	return int64(len(v.ahead)) >= v.r.cache.opts.MemoryBytes/8/chunkBytes
}

func (v *verifier) mayWait() bool {
	return v.r.cache.opts.Verify == VerifyAlways || v.r.size <= v.r.cache.opts.waitBytes
}

// begin starts a pass. v.mu is held, as for all below.
func (v *verifier) begin() {
	v.hash, v.next, v.last, v.err = md5.New(), 0, false, nil
	v.ahead = make(map[int64]*chunk)
}

// end gives the pass up, or is its end.
func (v *verifier) end() {
	v.hash = nil
	v.letGo()
}

func (v *verifier) letGo() {
	for i, c := range v.ahead {
		delete(v.ahead, i)
		c.release()
	}
	v.changed.Broadcast()
}

// hashOn hashes what is there, unless that is under way.
func (v *verifier) hashOn() {
	if v.hashing {
		return
	}
	c := v.take()
	if c == nil {
		return
	}
	v.hashing, v.rest = true, make(chan struct{})
	v.r.wg.Go(func() { v.hashAll(c) })
}

// hashAll hashes c and what follows it. Then it lets go of what came before its turn:
// that is looked for in memory later.
func (v *verifier) hashAll(c *chunk) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for ; c != nil; c = v.take() {
		if v.hash == nil { // the pass was given up before this goroutine came to it
			c.release()
			break
		}
		v.hashOne(c)
	}
	v.hashing = false
	close(v.rest)
	v.letGo()
}

// take returns the next chunk, or nil.
func (v *verifier) take() *chunk {
	if v.hash == nil || v.r.ctx.Err() != nil {
		return nil
	}
	if c := v.ahead[v.next]; c != nil {
		delete(v.ahead, v.next)
		return c
	}
	return v.r.cache.memory.peek(v.r.chunkKey(v.next))
}

func (v *verifier) hashOne(c *chunk) {
	h := v.hash
	v.mu.Unlock()
	h.Write(c.data)
	c.release()
	v.mu.Lock()
	if v.hash != h {
		return
	}
	v.next++
	v.changed.Broadcast()
	if v.next == v.r.chunks {
		v.judge()
	}
}

// judge ends a pass that is complete.
func (v *verifier) judge() {
	if hex.EncodeToString(v.hash.Sum(nil)) == v.r.md5 {
		v.r.cache.counts.verified.Add(1)
	} else {
		v.err = fmt.Errorf("read %s: %w", v.r.key.ID, ErrCorrupt)
		v.bad, v.told = v.err, time.Time{}
		v.r.forget()
	}
	v.end()
}

// await returns, for a read of the last chunk, whether the pass that it ends was bad. The
// chunk isn't handed out before that is known.
func (v *verifier) await(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.last && v.hash != nil && v.hashing {
		rest := v.rest
		v.mu.Unlock()
		select {
		case <-rest:
		case <-ctx.Done():
		}
		v.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	switch {
	case v.bad == nil:
	case v.told.IsZero():
		v.told = time.Now()
	case time.Since(v.told) > afterCorrupt:
		v.bad = nil
	}
	return cmp.Or(v.err, v.bad)
}

// isBad tells whether the latest pass was.
func (v *verifier) isBad() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.err != nil
}

// stop lets go of a pass that will not be completed.
func (v *verifier) stop() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.end()
}
