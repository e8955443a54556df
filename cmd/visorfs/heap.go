package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// boundHeap has garbage collected before it takes as much memory as the cache, of which
// at most a quarter is in the heap. The names and metadata of a large repository take more
// than that, so the bound follows what is in use: a bound below it would have the
// collector at work all the time, and free nothing. What GOMEMLIMIT says stays.
func boundHeap(cached int64) {
	const others = 32 << 20
	if debug.SetMemoryLimit(-1) != math.MaxInt64 {
		return
	}
	least := cached/4 + others
	debug.SetMemoryLimit(least)
	afterCollections(func() { debug.SetMemoryLimit(max(least, heapBound(heapInUse()))) })
}

// heapBound is how much memory Go may take when so much of the heap is in use: twice that,
// as Go does by itself, up to a bound that then only gives way to what is needed. While a
// list comes in, collections take more time than reading it.
func heapBound(used int64) int64 {
	const (
		plenty  = 140 << 20
		garbage = 32 << 20
	)
	return max(min(2*used, plenty), used+garbage)
}

// heapInUse is what the latest collection found in use, in bytes.
func heapInUse() int64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	return int64(min(sample[0].Value.Uint64(), math.MaxInt64/2))
}

// afterCollections calls f soon after each collection of garbage, for as long as the
// program runs: it hears of one by the end of something that nobody uses.
func afterCollections(f func()) {
	unused := new(*int) // with a pointer: others share their memory
	runtime.AddCleanup(unused, func(f func()) {
		f()
		afterCollections(f)
	}, f)
}
