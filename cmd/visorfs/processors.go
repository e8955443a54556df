package main

import (
	"context"
	"os"
	"runtime"
	"time"
)

// manyRequests is how many requests a second are so small that the time between them
// counts.
const manyRequests = 1000

// adaptProcessors gives Go a processor more while there are many small requests. The
// goroutine that waits in the kernel for the next one keeps a processor for some 20 µs
// each time before Go takes it away; that is a third of the time then. Streams of few
// large requests would only be handed from one processor to the other. What GOMAXPROCS
// says stays.
func adaptProcessors(ctx context.Context, requests func() int64) {
	if os.Getenv("GOMAXPROCS") != "" {
		return
	}
	const interval = 250 * time.Millisecond
	usual := runtime.GOMAXPROCS(0)
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for last, set := requests(), usual; ; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		now, want := requests(), usual
		if now-last > manyRequests*int64(interval)/int64(time.Second) {
			want++
		}
		if last = now; want != set {
			runtime.GOMAXPROCS(want)
			set = want
		}
	}
}
