package latency

import (
	"sync"
	"testing"
	"time"
)

func TestEachTimeIsInTheFirstBucketThatReachesIt(t *testing.T) {
	times := []time.Duration{-1, 0, 1, time.Hour}
	for _, bound := range Bounds {
		times = append(times, bound-1, bound, bound+1)
	}
	for _, d := range times {
		want := 0
		for want < len(Bounds) && d > Bounds[want] {
			want++
		}
		var h Histogram
		h.Add(d)
		if c := h.Counts(); c.Buckets[want] != 1 || c.Count != 1 || c.Sum != d {
			t.Errorf("%v: %+v, want it in bucket %d", d, c, want)
		}
	}
}

func TestCountsOfManyAreComplete(t *testing.T) {
	var h Histogram
	const each = 1000
	before := h.Counts()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range each {
				h.Add(time.Duration(i) * time.Microsecond)
			}
		})
	}
	all.Wait()
	got := h.Counts().Since(before)
	if got.Count != 8*each || got.Mean() != (each-1)*time.Microsecond/2 {
		t.Errorf("%+v, mean %v", got, got.Mean())
	}
}

func TestTheMeanOfNothingIsZero(t *testing.T) {
	if mean := (Counts{}).Mean(); mean != 0 {
		t.Error(mean)
	}
}

func BenchmarkAdd(b *testing.B) {
	var h Histogram
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.Add(time.Millisecond)
		}
	})
}
