package visclient

import (
	"slices"
	"sync"
	"time"
)

// What is kept for the next request.
const (
	maxIdle     = 64
	idleTimeout = 60 * time.Second
)

// pool keeps connections that are not in use. The last one in is the first one out, so
// that those that are too many get old.
type pool struct {
	mu      sync.Mutex
	conns   []*conn     // the longest unused first
	sweeper *time.Timer // nil when it does not run; it runs while there are any
	cleared bool        // those that come back are not kept, until the next is asked for
}

// take returns a connection that was alive a moment ago, or nil.
func (p *pool) take() *conn {
	for {
		c := p.pop()
		if c == nil || c.isAlive() {
			return c
		}
		c.close()
	}
}

func (p *pool) pop() *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleared = false
	last := len(p.conns) - 1
	if last < 0 {
		return nil
	}
	c := p.conns[last]
	p.conns[last] = nil
	p.conns = p.conns[:last]
	return c
}

// put takes a connection that nobody uses any more.
func (p *pool) put(c *conn) {
	c.unused = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cleared || len(p.conns) == maxIdle {
		c.close()
		return
	}
	p.conns = append(p.conns, c)
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(idleTimeout, p.sweep)
	}
}

// sweep closes what was not used for too long. It comes again when the next gets as
// old: a timer of each connection's own would have to be set for each request.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := time.Now().Add(-idleTimeout)
	n := 0
	for n < len(p.conns) && !p.conns[n].unused.After(old) {
		p.conns[n].close()
		n++
	}
	p.conns = slices.Delete(p.conns, 0, n)
	p.sweeper = nil
	if len(p.conns) > 0 {
		p.sweeper = time.AfterFunc(p.conns[0].unused.Sub(old), p.sweep)
	}
}

// clear closes all of them.
func (p *pool) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		c.close()
	}
	clear(p.conns)
	p.conns = p.conns[:0]
	p.cleared = true
	if p.sweeper != nil {
		p.sweeper.Stop()
		p.sweeper = nil
	}
}
