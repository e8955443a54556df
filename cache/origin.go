package cache

import (
	"context"
	"sync"
	"sync/atomic"
)

// ranges is whether the source honours them.
type ranges = int32

const (
	rangesUnknown ranges = iota
	rangesHonoured
	rangesIgnored
)

// origin is what is known of where the objects of a Cache come from: it is learned once,
// not by each Reader. Its lock may be taken while Reader.mu is held.
type origin struct {
	ranges atomic.Int32 // looked at several times in each read

	mu     sync.Mutex
	answer chan struct{} // not nil while a request is out that will tell ranges; closed then
	lanes  int           // that paid when last tried; 0: not known
}

func (o *origin) known() ranges { return o.ranges.Load() }

// awaitTurn lets one request ask what the ranges are, and others wait until it has done what
// follows from its answer. asks is true for the one: it has to call answered then.
func (o *origin) awaitTurn(ctx context.Context) (asks bool, err error) {
	for ctx.Err() == nil {
		o.mu.Lock()
		answer := o.answer
		if asks = answer == nil && o.known() == rangesUnknown; asks {
			o.answer = make(chan struct{})
		}
		o.mu.Unlock()
		if answer == nil {
			return asks, nil
		}
		select {
		case <-answer:
		case <-ctx.Done():
		}
	}
	return false, ctx.Err()
}

// answered ends the turn of the request that asks, whatever came of it.
func (o *origin) answered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.answer)
	o.answer = nil
}

// learn takes from an answer whether it was the whole.
func (o *origin) learn(whole bool) {
	answer := rangesHonoured
	if whole {
		answer = rangesIgnored
	}
	o.ranges.Store(answer)
}

func (o *origin) learnLanes(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lanes = n
}

func (o *origin) lanesThatPaid() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.lanes
}
