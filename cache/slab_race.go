//go:build race

package cache

// newSlab returns memory that the race detector watches.
func newSlab(n int) []byte { return make([]byte, n) }

// spoil makes whoever reads a buffer that was given back read nonsense, and the race
// detector see it.
func spoil(buffer []byte) {
	for i := range buffer {
		buffer[i] = 0xdb
	}
}
