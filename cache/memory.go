package cache

import (
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

type chunkKey struct {
	Key
	index int64
}

// memory keeps chunks, bounded in bytes. A chunk is immutable once added, so it is
// handed out without a copy and outlives its eviction for those who hold it.
type memory struct {
	limit int64 // bytes

	mu        sync.Mutex
	lru       *simplelru.LRU[chunkKey, []byte]
	bytes     int64
	evictions int64
}

func newMemory(limit int64) *memory {
	lru, err := simplelru.NewLRU[chunkKey, []byte](math.MaxInt, nil)
	if err != nil {
		panic(err) // only for a size < 1
	}
	return &memory{limit: limit, lru: lru}
}

// get returns a chunk, now the most recently used, or nil.
func (m *memory) get(k chunkKey) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, _ := m.lru.Get(k)
	return data
}

func (m *memory) has(k chunkKey) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lru.Contains(k)
}

// add keeps a chunk and evicts others until it fits. One that never would isn't kept.
func (m *memory) add(k chunkKey, data []byte) {
	size := int64(len(data))
	if size > m.limit {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if old, ok := m.lru.Peek(k); ok {
		m.lru.Remove(k)
		m.bytes -= int64(len(old))
	}
	for m.bytes+size > m.limit {
		_, old, _ := m.lru.RemoveOldest()
		m.bytes -= int64(len(old))
		m.evictions++
	}
	m.lru.Add(k, data)
	m.bytes += size
}

// remove forgets a chunk, if it is there, and returns it.
func (m *memory) remove(k chunkKey) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.lru.Peek(k)
	if ok {
		m.lru.Remove(k)
		m.bytes -= int64(len(data))
	}
	return data
}

// rename gives a chunk, if it is there, another key.
func (m *memory) rename(from, to chunkKey) {
	if data := m.remove(from); data != nil {
		m.add(to, data)
	}
}

func (m *memory) stats() (bytes, evictions int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.bytes, m.evictions
}
