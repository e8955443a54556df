package catalog

import (
	"sync"
	"time"
)

const (
	// shortestTTL is the shortest time to live of a tree that is renewed before it is
	// needed. With less, whoever asks is meant to wait for the server's word.
	shortestTTL = 100 * time.Millisecond

	// graceTTLs and minGrace say how long the tree is renewed after it was last asked
	// for: programs that watch a file without asking (inotify), or look again every some
	// seconds (file managers), are told of changes; a mount that nobody looks at is
	// silent half a minute later.
	graceTTLs = 3
	minGrace  = 30 * time.Second

	// maxPause is the longest between two tries when the server is away.
	maxPause = time.Minute
)

// refresh is the state of the renewal in the background, guarded by Catalog.mu.
type refresh struct {
	used   time.Time     // when something last asked for the tree
	users  int           // see Catalog.Use
	took   time.Duration // what listings lately took
	pause  time.Duration // before the next try; 0 unless the last one failed
	timer  *time.Timer   // of the next listing
	due    time.Time     // when that is
	asleep bool          // it was due, and nothing was in use
	closed bool

	running sync.WaitGroup // renewals
}

// Use says that a file is open, until Disuse: the tree is renewed although nothing asks
// for it.
func (c *Catalog) Use() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh.users++
	c.touch()
}

// Disuse ends one Use.
func (c *Catalog) Disuse() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refresh.users--
	c.touch()
}

// Close ends the renewal in the background, and whatever listing is under way.
func (c *Catalog) Close() {
	c.mu.Lock()
	r := &c.refresh
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
	c.mu.Unlock()
	c.end()
	r.running.Wait()
}

// touch notes a use. The caller holds mu.
func (c *Catalog) touch() {
	c.refresh.used = time.Now()
	if c.refresh.asleep {
		c.schedule(0)
	}
}

// inUse reports whether somebody might see that the tree is old. The caller holds mu.
func (c *Catalog) inUse() bool {
	return c.refresh.users > 0 || time.Since(c.refresh.used) < max(graceTTLs*c.ttl, minGrace)
}

// schedule has the tree renewed after some time. The caller holds mu.
func (c *Catalog) schedule(after time.Duration) {
	r := &c.refresh
	if r.closed || c.ttl < shortestTTL {
		return
	}
	r.asleep = false
	r.due = time.Now().Add(after)
	if r.timer == nil {
		r.timer = time.AfterFunc(after, c.renew)
	} else {
		r.timer.Reset(after)
	}
}

// landed plans the next listing after one that was asked for at some time: so that it
// lands before the tree is too old, but not before half of its time, and a server whose
// listings take long gets a rest. The caller holds mu.
func (c *Catalog) landed(asked time.Time) {
	const margin = 8 // a part of that time, for when it takes a little longer
	r := &c.refresh
	took := time.Since(asked)
	r.took = max(took, (r.took+took)/2)
	r.pause = 0
	start := max(c.ttl/2, c.ttl-r.took-r.took/margin)
	c.schedule(max(time.Until(asked.Add(start)), r.took/2))
}

// renew lists in the background, if it is time and somebody may care.
func (c *Catalog) renew() {
	if !c.mayRenew() {
		return
	}
	r := &c.refresh
	defer r.running.Done()
	result := <-c.flight.DoChan("", func() (any, error) {
		asked := time.Now()
		tree, err := c.list(asked)
		return listing{tree: tree, asked: asked, background: true}, err
	})
	if result.Err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		r.pause = min(max(2*r.pause, c.ttl), max(maxPause, c.ttl))
		c.schedule(r.pause)
	}
}

// mayRenew also counts the listing that it allows as running.
func (c *Catalog) mayRenew() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.refresh
	if r.closed || time.Now().Before(r.due) { // another listing landed as the timer ended
		return false
	}
	if r.asleep = !c.inUse(); r.asleep {
		return false
	}
	r.running.Add(1)
	return true
}
