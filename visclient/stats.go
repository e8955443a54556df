package visclient

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/visorfs/visorfs/internal/latency"
)

// NoReply is the outcome of a request that was not answered.
const NoReply = "none"

// Stats counts what a [Client] did since New.
type Stats struct {
	Requests      []Requests `json:"requests"`       // by method and outcome, in this order
	Trips         []Trips    `json:"trips"`          // by method, in its order
	Retries       int64      `json:"retries"`        // of the requests, those that were sent because others had failed
	SentBytes     int64      `json:"sent_bytes"`     // of the bodies of requests, as the connections took them
	ReceivedBytes int64      `json:"received_bytes"` // of the bodies of replies, as far as they were read
}

// Requests counts the requests of one kind, those included that were sent once more.
type Requests struct {
	Method  string `json:"method"`
	Outcome string `json:"outcome"` // the status of the reply, like "206", or [NoReply]
	Count   int64  `json:"count"`
}

// Trips says how long requests of a method took until the head of the reply came, or the
// failure. That of an upload comes after the data.
type Trips struct {
	Method string `json:"method"`
	latency.Counts
}

type counts struct {
	retries, sent, received atomic.Int64

	mu       sync.Mutex
	requests map[kind]int64
	trips    map[string]*latency.Histogram
}

type kind struct{ method, outcome string }

// answered counts a request; the reply is nil when there was none.
func (n *counts) answered(method string, resp *http.Response, trip time.Duration) {
	outcome := NoReply
	if resp != nil {
		outcome = strconv.Itoa(resp.StatusCode)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.requests == nil {
		n.requests, n.trips = make(map[kind]int64), make(map[string]*latency.Histogram)
	}
	n.requests[kind{method, outcome}]++
	if n.trips[method] == nil {
		n.trips[method] = new(latency.Histogram)
	}
	n.trips[method].Add(trip)
}

// repeated counts a request that a connection did not answer, and that is sent by another.
func (n *counts) repeated(method string, trip time.Duration) {
	n.answered(method, nil, trip)
	n.retries.Add(1)
}

// Stats returns the counters as they are now.
func (c *Client) Stats() Stats {
	n := &c.counts
	s := Stats{Retries: n.retries.Load(), SentBytes: n.sent.Load(), ReceivedBytes: n.received.Load()}
	n.mu.Lock()
	defer n.mu.Unlock()
	for k, count := range n.requests {
		s.Requests = append(s.Requests, Requests{k.method, k.outcome, count})
	}
	slices.SortFunc(s.Requests, func(a, b Requests) int {
		return cmp.Or(cmp.Compare(a.Method, b.Method), cmp.Compare(a.Outcome, b.Outcome))
	})
	for _, method := range slices.Sorted(maps.Keys(n.trips)) {
		s.Trips = append(s.Trips, Trips{method, n.trips[method].Counts()})
	}
	return s
}
