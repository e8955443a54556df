package cache

// spareChunks is how far behind a pass chunks are spared: 2 MiB, for readers that follow
// each other closely. More would leave the processor's cache before it is used again.
const spareChunks = 16

// passedOnes are chunks that one pass over an object larger than the memory has read:
// keeping them would push out what is read again, and itself last until the next pass
// only in part. Oldest first; some may have been evicted since.
type passedOnes struct {
	keys []chunkKey
	head int
}

func (p *passedOnes) len() int { return len(p.keys) - p.head }

func (p *passedOnes) push(k chunkKey) {
	if p.head > len(p.keys)/2 {
		p.keys = append(p.keys[:0], p.keys[p.head:]...)
		p.head = 0
	}
	p.keys = append(p.keys, k)
}

func (p *passedOnes) pop() chunkKey {
	p.head++
	return p.keys[p.head-1]
}

// pass marks a chunk as left behind.
func (m *memory) pass(k chunkKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.passed.push(k)
	if int64(m.passed.len()) > m.limit/chunkBytes+spareChunks { // most of them are gone by other ways
		m.passed.pop()
	}
}

// spare returns how many passed chunks are not yet to go.
func (m *memory) spare() int { return int(min(spareChunks, m.limit/4/chunkBytes)) }
