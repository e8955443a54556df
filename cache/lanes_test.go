package cache

import (
	"context"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// link is a source behind a line: each request waits a round trip, each body has a rate,
// and all together have one.
type link struct {
	*source
	trip        time.Duration
	flow, total float64 // bytes per second; 0 for no bound

	line lane
}

// lane is what bytes pass at a rate, one after the other.
type lane struct {
	mu   sync.Mutex
	next time.Time // when it is free
}

func (l *lane) take(n int, rate float64) {
	if rate == 0 {
		return
	}
	l.mu.Lock()
	now := time.Now()
	if l.next.Before(now) {
		l.next = now
	}
	wait := l.next.Sub(now)
	l.next = l.next.Add(time.Duration(float64(n) / rate * 1e9))
	l.mu.Unlock()
	time.Sleep(wait)
}

func (l *link) open(ctx context.Context, off, n int64) (Body, error) {
	time.Sleep(l.trip)
	body, err := l.source.open(ctx, off, n)
	if err == nil {
		body.ReadCloser = &lineBody{ReadCloser: body.ReadCloser, link: l}
	}
	return body, err
}

type lineBody struct {
	io.ReadCloser
	link *link
	flow lane
}

func (b *lineBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p[:min(len(p), 32<<10)])
	b.flow.take(n, b.link.flow)
	b.link.line.take(n, b.link.total)
	return n, err
}

// readRate reads all of l in READs of 1 MiB, two under way as the kernel has them, and
// returns bytes per second.
func readRate(t *testing.T, l *link, opts Options) float64 {
	opts.RoundTrip = func() time.Duration { return l.trip }
	c := New(opts)
	r := c.Reader(Object{Key: Key{"id", "1"}, Size: int64(len(l.data)), Open: l.open})
	defer func() { _ = r.Close() }()
	begun := time.Now()
	var wg sync.WaitGroup
	turn := make(chan struct{}, 2)
	l.check(t, r, 0, 1<<20)
	for off := int64(1 << 20); off < r.Size(); off += 1 << 20 {
		turn <- struct{}{}
		wg.Go(func() {
			l.check(t, r, off, 1<<20)
			<-turn
		})
	}
	wg.Wait()
	if fetched := c.Stats().FetchedBytes; fetched != r.Size() {
		t.Errorf("%d bytes were fetched of %d", fetched, r.Size())
	}
	return float64(r.Size()) / time.Since(begun).Seconds()
}

func wantRate(t *testing.T, rate, least float64) {
	t.Helper()
	t.Logf("%.1f MB/s", rate/1e6)
	if rate < least {
		t.Errorf("%.1f MB/s, want %.1f", rate/1e6, least/1e6)
	}
}

func TestLongLinkIsFilledByLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{source: &source{data: tiled()[:384<<20]}, trip: 50 * time.Millisecond, flow: 25e6, total: 125e6}
		wantRate(t, readRate(t, l, Options{}), 0.92*125e6)
	})
}

func TestLongLinkWithoutBoundPerConnectionKeepsFewLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{source: &source{data: tiled()[:256<<20]}, trip: 50 * time.Millisecond, total: 50e6}
		wantRate(t, readRate(t, l, Options{}), 0.92*50e6)
	})
}

func TestShortLinkIsOneRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{source: &source{data: tiled()[:256<<20]}, trip: 200 * time.Microsecond, total: 1e9}
		wantRate(t, readRate(t, l, Options{}), 0.99*1e9)
		wantCount(t, "opens", l.opens.Load(), 1)
	})
}

func TestShortLinkThatBoundsConnectionsGetsLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{source: &source{data: tiled()[:384<<20]}, trip: time.Millisecond, flow: 20e6, total: 1e9}
		wantRate(t, readRate(t, l, Options{}), 2*20e6)
	})
}

func TestStreamsBoundsLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{source: &source{data: tiled()[:64<<20]}, trip: 50 * time.Millisecond, flow: 25e6}
		if rate := readRate(t, l, Options{Streams: 2}); rate > 2*25e6 {
			t.Errorf("%.1f MB/s with two streams of 25", rate/1e6)
		}
	})
}

// The way turns out to be long while reads wait for a stream that goes on to the end.
func TestWhoWaitsForAStreamThatBecomesALaneIsServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &link{source: &source{data: tiled()[:32<<20]}, trip: 50 * time.Millisecond, flow: 5e6}
		far := false
		c := New(Options{MemoryBytes: 8 << 20, RoundTrip: func() time.Duration {
			if far {
				return l.trip
			}
			return 0
		}})
		r := c.Reader(Object{Key: Key{"id", "1"}, Size: int64(len(l.data)), Open: l.open})
		defer func() { _ = r.Close() }()
		l.check(t, r, 0, 1<<20)
		var wg sync.WaitGroup
		for off := int64(1 << 20); off < 5<<20; off += 1 << 20 {
			wg.Go(func() { l.check(t, r, off, 1<<20) })
			synctest.Wait()
		}
		far = true
		for off := int64(5 << 20); off < r.Size(); off += 1 << 20 {
			l.check(t, r, off, 1<<20)
		}
		wg.Wait()
	})
}
