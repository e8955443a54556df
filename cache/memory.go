package cache

import (
	"bytes"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

type chunkKey struct {
	content string
	index   int64
}

// memory keeps chunks and pages of chunks, bounded in bytes. The bound is on all
// buffers of the pool, also those on their way in or out: what is kept gives way.
type memory struct {
	limit int64 // bytes
	pool  pool

	mu        sync.Mutex
	lru       *simplelru.LRU[chunkKey, *entry] // whole chunks
	pages     *simplelru.LRU[chunkKey, *entry] // chunks of which some pages are there
	passed    passedOnes
	bytes     int64 // kept
	heap      int64 // of those, in buffers that are not the pool's
	evictions int64 // chunks
	unread    int64 // bytes that were fetched, and evicted before anybody read them
}

// entry is what is there of one chunk: the whole, or some pages.
type entry struct {
	whole  *chunk
	unread pageSet // of whole, fetched ahead

	pages *[chunkPages][]byte // nil if whole is not
	have  pageSet
}

func newMemory(limit int64) *memory { return &memory{limit: limit, lru: newLRU(), pages: newLRU()} }

// newLRU returns a table without a bound of its own.
func newLRU() *simplelru.LRU[chunkKey, *entry] {
	lru, err := simplelru.NewLRU[chunkKey, *entry](math.MaxInt, nil)
	if err != nil {
		panic(err) // only for a size < 1
	}
	return lru
}

// buffer returns a chunk of n bytes to be filled, for which others are evicted.
func (m *memory) buffer(n int64) *chunk {
	m.mu.Lock()
	m.makeRoom(n)
	m.mu.Unlock()
	return m.pool.get(n)
}

// view takes hold of the pages of a chunk, which become read and the chunk the most
// recently used. It returns those that are missing.
func (m *memory) view(k chunkKey, want pageSet) (part, pageSet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.lru.Get(k); ok {
		e.unread &^= want
		return part{chunk: e.whole.hold(), data: e.whole.data}, 0
	}
	if e, ok := m.pages.Get(k); ok {
		want &^= e.have
		if want == 0 {
			return part{pages: e.pages}, 0
		}
	}
	return part{}, want
}

// has tells whether the whole chunk is there.
func (m *memory) has(k chunkKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lru.Contains(k)
}

// peek takes hold of a whole chunk, if it is there. That isn't a read of it.
func (m *memory) peek(k chunkKey) *chunk {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.lru.Peek(k); ok {
		return e.whole.hold()
	}
	return nil
}

// add keeps a whole chunk, which it takes hold of. One that never fits isn't kept.
func (m *memory) add(k chunkKey, c *chunk, ahead bool) {
	e := &entry{whole: c}
	if ahead {
		e.unread = pagesOf(0, int64(len(c.data)))
	}
	if isZero(c.data) {
		e.whole = newChunk(zeros[:len(c.data)])
	} else {
		c.hold()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.lru.Peek(k); ok {
		e.unread &= old.unread
	}
	m.remove(k)
	m.heap += e.heap()
	m.bytes += e.bytes()
	m.makeRoom(0)
	m.lru.Add(k, e)
	if m.over(0) {
		m.evict(k)
	}
}

// addPages keeps pages of a chunk, for which somebody asked: data are the bytes from the
// page first on, and belong to nobody else. They are in the heap, where garbage takes as
// much again, and the kernel has them too: they get a quarter of the memory.
func (m *memory) addPages(k chunkKey, first int64, data []byte) {
	got := pagesOf(first*pageBytes, first*pageBytes+int64(len(data)))
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.lru.Contains(k) {
		return
	}
	e := &entry{pages: new([chunkPages][]byte), have: got}
	if old, ok := m.pages.Peek(k); ok {
		e.have |= old.have
		*e.pages = *old.pages // who views the old keeps it
		m.remove(k)
	}
	for i := first; len(data) > 0; i++ {
		n := min(pageBytes, len(data))
		e.pages[i], data = data[:n:n], data[n:]
	}
	m.heap += e.heap()
	m.bytes += e.bytes()
	m.pages.Add(k, e)
	m.makeRoom(0)
	for m.heap > m.limit/4 && m.pages.Len() > 0 {
		oldest, _, _ := m.pages.GetOldest()
		m.evict(oldest)
	}
}

func (m *memory) over(more int64) bool { return m.pool.inUse.Load()+m.heap+more > m.limit }

// makeRoom evicts until so many bytes more fit, or nothing is left. m.mu is held, as for
// all that follow.
func (m *memory) makeRoom(more int64) {
	for m.over(more) {
		k, ok := m.victim()
		if !ok {
			return
		}
		m.evict(k)
	}
}

// victim returns what is to go next: a chunk that a pass over a large object has left
// behind, or the least recently used.
func (m *memory) victim() (chunkKey, bool) {
	for m.passed.len() > m.spare() {
		if k := m.passed.pop(); m.lru.Contains(k) {
			return k, true
		}
	}
	if k, _, ok := m.lru.GetOldest(); ok {
		return k, true
	}
	k, _, ok := m.pages.GetOldest()
	return k, ok
}

func (m *memory) evict(k chunkKey) {
	m.evictions++
	if e, ok := m.lru.Peek(k); ok {
		m.unread += int64(e.unread.count()) * pageBytes
	}
	m.remove(k)
}

func (m *memory) remove(k chunkKey) {
	for _, lru := range []*simplelru.LRU[chunkKey, *entry]{m.lru, m.pages} {
		if e, ok := lru.Peek(k); ok {
			lru.Remove(k)
			m.bytes -= e.bytes()
			m.heap -= e.heap()
			e.whole.release()
		}
	}
}

// drop forgets a chunk.
func (m *memory) drop(k chunkKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.remove(k)
}

// forget drops all chunks of a content, of which there are so many.
func (m *memory) forget(content string, chunks int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range chunks {
		m.remove(chunkKey{content, i})
	}
}

// unreadNow returns the bytes that were fetched and never read, those that still may
// be among them.
func (m *memory) unreadNow() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.unread
	for _, e := range m.lru.Values() {
		n += int64(e.unread.count()) * pageBytes
	}
	return n
}

func (m *memory) stats() (bytes, evictions int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes, m.evictions
}

// bytes returns how many the entry takes.
func (e *entry) bytes() int64 {
	const entryBytes = 256 // of the tables
	switch {
	case e.whole == nil:
		return int64(e.have.count()) * pageBytes
	case e.whole.isZeros():
		return entryBytes
	}
	return int64(len(e.whole.data))
}

// heap returns how many of them the pool doesn't count.
func (e *entry) heap() int64 {
	if e.whole != nil && e.whole.pool != nil {
		return 0
	}
	return e.bytes()
}

// zeros is every chunk that holds nothing else.
var zeros [chunkBytes]byte

func (c *chunk) isZeros() bool { return len(c.data) > 0 && &c.data[0] == &zeros[0] }

func isZero(data []byte) bool { return bytes.Equal(data, zeros[:len(data)]) }
