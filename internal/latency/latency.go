// Package latency counts how long things take, without a lock.
package latency

import (
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	least   = 12 // the first bucket takes up to 2^12 ns, some 4 µs
	buckets = 12 // each but the last takes four times as long a time as the one before
)

// Bounds are the times that the buckets of a [Counts] reach up to, inclusive: from some
// 4 µs to 17 s, each four times the one before.
var Bounds = func() (bounds [buckets]time.Duration) {
	for i := range bounds {
		bounds[i] = 1 << (least + 2*i)
	}
	return bounds
}()

// Histogram counts times by their length. The zero value is empty; it may be used by many
// goroutines at once.
type Histogram struct {
	counts [buckets + 1]atomic.Int64
	sum    atomic.Int64
}

// Add counts a time.
func (h *Histogram) Add(d time.Duration) {
	h.counts[bucketOf(d)].Add(1)
	h.sum.Add(int64(d))
}

func bucketOf(d time.Duration) int {
	if d <= 1<<least {
		return 0
	}
	return min((bits.Len64(uint64(d-1))-least+1)/2, buckets)
}

// Counts are what a [Histogram] has counted so far.
type Counts struct {
	Count   int64              `json:"count"`
	Sum     time.Duration      `json:"sum_ns"`  // of all
	Buckets [buckets + 1]int64 `json:"buckets"` // how many times were within each of Bounds and beyond the one before; the last are longer than all
}

// Counts returns the counts as they are now. What is added meanwhile may be in Sum and not
// yet in the others.
func (h *Histogram) Counts() (c Counts) {
	c.Sum = time.Duration(h.sum.Load())
	for i := range h.counts {
		c.Buckets[i] = h.counts[i].Load()
		c.Count += c.Buckets[i]
	}
	return c
}

// Since returns what was counted after an earlier moment.
func (c Counts) Since(before Counts) Counts {
	c.Count -= before.Count
	c.Sum -= before.Sum
	for i := range c.Buckets {
		c.Buckets[i] -= before.Buckets[i]
	}
	return c
}

// Mean returns the mean time, 0 of none.
func (c Counts) Mean() time.Duration {
	if c.Count == 0 {
		return 0
	}
	return c.Sum / time.Duration(c.Count)
}
