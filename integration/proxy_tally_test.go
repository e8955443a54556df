//go:build linux

package integration

import (
	"maps"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
)

// tally is all that passed a proxy, by what a client would count.
type tally struct {
	mu       sync.Mutex
	requests map[answered]float64
	up, down float64 // bytes of bodies
}

// answered is a request with the status of its reply, "none" when there was none.
type answered struct{ method, status string }

// watch has a request served, and counts it.
func (y *tally) watch(w http.ResponseWriter, r *http.Request, serve func(http.ResponseWriter)) {
	var up atomic.Int64
	r.Body = &countingBody{r.Body, &up}
	reply := &tallied{ResponseWriter: w, status: http.StatusOK}
	defer func() {
		cause := recover()
		y.mu.Lock()
		defer y.mu.Unlock()
		status := strconv.Itoa(reply.status)
		if cause != nil {
			status = "none"
		}
		if y.requests == nil {
			y.requests = make(map[answered]float64)
		}
		y.requests[answered{r.Method, status}]++
		y.up += float64(up.Load())
		if r.Method != http.MethodHead {
			y.down += float64(reply.bytes)
		}
		if cause != nil {
			panic(cause)
		}
	}()
	serve(reply)
}

// now returns what was counted so far.
func (y *tally) now() (requests map[answered]float64, up, down float64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	return maps.Clone(y.requests), y.up, y.down
}

type tallied struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (w *tallied) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *tallied) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// Unwrap is for [http.ResponseController].
func (w *tallied) Unwrap() http.ResponseWriter { return w.ResponseWriter }
