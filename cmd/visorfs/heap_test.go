package main

import (
	"math"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
)

func TestBoundOnTheHeapFollowsWhatIsInUse(t *testing.T) {
	before := debug.SetMemoryLimit(math.MaxInt64)
	t.Cleanup(func() { debug.SetMemoryLimit(before) })
	const large = 200 << 20
	bound := func(is func(limit int64) bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
			runtime.GC()
			limit := debug.SetMemoryLimit(-1)
			if is(limit) {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("the bound stays at %d MiB", limit>>20)
			}
		}
	}
	boundHeap(64 << 20)
	names := make([]byte, large)
	bound(func(limit int64) bool { return limit > large && limit < 2*large })
	runtime.KeepAlive(names)
	bound(func(limit int64) bool { return limit < large })
}

func TestBoundOnTheHeapLeavesRoom(t *testing.T) {
	const mib = 1 << 20
	for used, want := range map[int64]int64{0: 32 * mib, 8 * mib: 40 * mib, 40 * mib: 80 * mib, 100 * mib: 140 * mib, 160 * mib: 192 * mib} {
		if got := heapBound(used); got != want {
			t.Errorf("%d MiB in use: %d MiB, want %d MiB", used/mib, got/mib, want/mib)
		}
	}
}
