package visserver

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/visorfs/visorfs/internal/latency"
)

// Stats tells what a [Server] has, and what it did since New.
type Stats struct {
	Requests      []Requests // by operation and status, in this order
	ReceivedBytes int64      // of the bodies of requests, as far as they were read
	SentBytes     int64      // of the bodies of replies
	Images        int
	Uploads       int // that are running
}

// Requests counts the requests of one kind that were answered.
type Requests struct {
	Operation string // like "get_image"; "other" for what VIS has not
	Status    int    // of the reply
	latency.Counts
}

type counts struct {
	received, sent atomic.Int64

	mu    sync.Mutex
	kinds map[kind]*latency.Histogram
}

type kind struct {
	operation string
	status    int
}

func (n *counts) answered(operation string, reply *observed, took time.Duration) {
	n.sent.Add(reply.bytes)
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.kinds == nil {
		n.kinds = make(map[kind]*latency.Histogram)
	}
	k := kind{operation, reply.status}
	if n.kinds[k] == nil {
		n.kinds[k] = new(latency.Histogram)
	}
	n.kinds[k].Add(took)
}

// receiving returns a request whose body is counted as it is read. The request itself is net/http's,
// which looks at the type of its body when the reply comes before the body's end.
func (n *counts) receiving(r *http.Request) *http.Request {
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	counted := new(http.Request)
	*counted = *r
	counted.Body = &countedBody{r.Body, &n.received}
	return counted
}

type countedBody struct {
	io.ReadCloser
	sum *atomic.Int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.sum.Add(int64(n))
	return n, err
}

// operation names what a request asks for, as the original client does.
func (t routes) operation(r *http.Request) string {
	found, id := t.match(r.URL.Path)
	switch {
	case found[r.Method] == nil:
		return "other"
	case id != "" || r.Method == http.MethodPost:
		return strings.ToLower(r.Method) + "_image"
	case r.URL.Path == imagesPath+"/detail":
		return "get_images_detail"
	}
	return "get_images"
}

// Stats returns the figures as they are now.
func (s *Server) Stats() Stats {
	n := &s.counts
	stats := Stats{ReceivedBytes: n.received.Load(), SentBytes: n.sent.Load(), Images: s.records.count(), Uploads: s.uploads.count()}
	n.mu.Lock()
	defer n.mu.Unlock()
	for k, times := range n.kinds {
		stats.Requests = append(stats.Requests, Requests{k.operation, k.status, times.Counts()})
	}
	slices.SortFunc(stats.Requests, func(a, b Requests) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Status, b.Status))
	})
	return stats
}

// count returns how many uploads are running.
func (u *uploads) count() int {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.running)
}
