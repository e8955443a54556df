package disk

import (
	"hash/crc32"
	"iter"
	"math/bits"
)

const (
	// PageBytes is the unit of what is written, checked and counted.
	PageBytes = 4 << 10

	// ChunkBytes is the unit of eviction.
	ChunkBytes = chunkPages * PageBytes

	chunkPages = 32 // one bit each of a uint32

	// maxSize of an object bounds what the index of one can cost in memory: 16 TiB is the
	// largest file of ext4.
	maxSize = 16 << 40
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// pagesOf returns how many pages hold n bytes.
func pagesOf(n int64) int64 { return (n + PageBytes - 1) / PageBytes }

// mask has the bits of pages first to first+n-1 of a chunk.
func mask(first, n int64) uint32 { return uint32((uint64(1)<<n - 1) << first) }

// count returns how many pages m has.
func count(m uint32) int64 { return int64(bits.OnesCount32(m)) }

// runs yields the runs of set bits of m: their first bit and their length.
func runs(m uint32) iter.Seq2[int64, int64] {
	return func(yield func(first, n int64) bool) {
		for m != 0 {
			first := bits.TrailingZeros32(m)
			n := bits.TrailingZeros32(^(m >> first))
			if !yield(int64(first), int64(n)) {
				return
			}
			m &^= mask(int64(first), int64(n))
		}
	}
}
