package disk

import (
	"cmp"
	"slices"
	"sync"
)

// batch is how many candidates one look at all chunks finds: half a GiB of them.
const batch = 4096

// evictor makes room. One look at all chunks finds the least recently used ones, which are
// then evicted one by one, as room is needed. Those that were used since are passed over.
// So what goes is always the oldest: no other chunk was older then, and none gets older.
type evictor struct {
	mu     sync.Mutex // before Object.mu; held while room is made
	oldest []candidate
}

// candidate is a chunk as it was when it was looked at.
type candidate struct {
	object *Object
	chunk  int64
	used   uint32
}

// reserve takes n bytes of room for a write to o, and evicts until they are free. It
// reports false if that can't be had.
func (s *Store) reserve(o *Object, n int64) bool {
	if s.room.take(n) {
		return true
	}
	if n > s.room.limit {
		return false
	}
	s.evictor.mu.Lock()
	defer s.evictor.mu.Unlock()
	for !s.room.take(n) {
		if s.closed.Load() || !s.evict(o) {
			return false
		}
	}
	return true
}

// shrink evicts until the bound is kept.
func (s *Store) shrink() {
	s.evictor.mu.Lock()
	defer s.evictor.mu.Unlock()
	for s.room.bytes() > s.room.limit && s.evict(nil) {
	}
}

// evict evicts what was not used for the longest time. It reports false if there is
// nothing that can be. It is called with evictor.mu held.
func (s *Store) evict(not *Object) bool {
	if !s.holes {
		return s.evictObject(not)
	}
	for looked := false; ; looked = true {
		for len(s.evictor.oldest) > 0 {
			c := s.evictor.oldest[0]
			s.evictor.oldest = s.evictor.oldest[1:]
			if c.object.evict(c) {
				return true
			}
		}
		if looked {
			return false
		}
		s.evictor.oldest = s.look()
	}
}

// look returns the chunks that were not used for the longest time, oldest first. Of those
// of one tick, the first of an object come first.
func (s *Store) look() []candidate {
	now := tick(s.now())
	byAge := func(a, b candidate) int { return cmp.Compare(now-b.used, now-a.used) }
	var list []candidate
	youngest := uint32(0) // age that one of batch others must have
	for _, o := range s.snapshot() {
		if o.pins.Load() > 0 {
			continue
		}
		for i, c := range o.each {
			used := c.used.Load()
			if len(list) >= batch && now-used <= youngest {
				continue
			}
			if list = append(list, candidate{o, i, used}); len(list) == 2*batch {
				slices.SortStableFunc(list, byAge)
				list = list[:batch]
				youngest = now - list[batch-1].used
			}
		}
	}
	slices.SortStableFunc(list, byAge)
	return list[:min(batch, len(list))]
}

// evict evicts the chunk c, unless it was used or is pinned.
func (o *Object) evict(c candidate) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	k := o.chunk(c.chunk)
	if k == nil || k.present.Load() == 0 || k.used.Load() != c.used || o.pins.Load() > 0 || o.store.closed.Load() {
		return false
	}
	o.store.counts.evicted.Add(1)
	o.lose(c.chunk)
	return true
}

// evictObject evicts the object, other than not, of which no chunk was used for the
// longest time.
func (s *Store) evictObject(not *Object) bool {
	now := tick(s.now())
	type aged struct {
		object *Object
		age    uint32
	}
	var list []aged
	for _, o := range s.snapshot() {
		age, chunks := ^uint32(0), 0
		for _, c := range o.each {
			age = min(age, now-c.used.Load())
			chunks++
		}
		if o != not && chunks > 0 {
			list = append(list, aged{o, age})
		}
	}
	slices.SortFunc(list, func(a, b aged) int { return cmp.Compare(b.age, a.age) })
	return slices.ContainsFunc(list, func(a aged) bool { return a.object.evictWhole() })
}

func (o *Object) evictWhole() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pins.Load() > 0 || !o.exists || o.store.closed.Load() {
		return false
	}
	for range o.each {
		o.store.counts.evicted.Add(1)
	}
	o.remove()
	return true
}
