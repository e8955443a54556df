package visclient

import (
	"sync"
	"time"
)

// roundTrips are how long the latest requests without data took to be answered.
type roundTrips struct {
	mu    sync.Mutex
	trips [8]time.Duration
	count int
}

// fewTrips is how many answers it takes to tell a long way from a busy processor.
const fewTrips = 3

func (t *roundTrips) add(trip time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trips[t.count%len(t.trips)] = trip
	t.count++
}

// RoundTrip returns how long the way to the server and back takes: the shortest time in
// which one of the latest requests was answered. It is 0 while there were too few to tell.
func (c *Client) RoundTrip() time.Duration {
	t := &c.trips
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count < fewTrips {
		return 0
	}
	least := t.trips[0]
	for _, trip := range t.trips[:min(t.count, len(t.trips))] {
		least = min(least, trip)
	}
	return least
}
