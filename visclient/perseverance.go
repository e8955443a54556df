package visclient

import "time"

// fruitless is how many tries in vain are enough, each of which sent data and came no
// further than one before, once time is up.
const fruitless = 3

// perseverance is how long an upload is tried again. A server may be away, taking no
// byte, for the client's timeout. One that takes bytes is tried for as long as each try
// comes further than those before, and then for the timeout, but not less than a few
// times: to send again what is large takes longer than a timeout.
type perseverance struct {
	limit    time.Duration
	moved    time.Time // when a try that had sent something ended
	further  time.Time // when the one ended that came furthest
	furthest int64     // bytes
	vain     int       // tries since that sent something
}

// note takes in a try that failed after so many bytes.
func (p *perseverance) note(sent int64) {
	if sent == 0 {
		return
	}
	p.moved = time.Now()
	if sent > p.furthest {
		p.furthest, p.further, p.vain = sent, p.moved, 0
		return
	}
	p.vain++
}

// answered notes that the server is there, although no try has ended.
func (p *perseverance) answered() {
	if p.furthest > 0 {
		p.moved = time.Now()
	}
}

// lasts reports whether another try is to be made after a pause.
func (p *perseverance) lasts(pause time.Duration) bool {
	end := time.Now().Add(pause + leastPatience(p.limit))
	return end.Sub(p.moved) < p.limit && (p.vain < fruitless || end.Sub(p.further) < p.limit)
}

// untilTheEnd is how long a try may wait for the server to take its first byte.
func (p *perseverance) untilTheEnd() time.Duration {
	return p.limit - time.Since(p.moved)
}
