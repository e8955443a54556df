package visserver

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"
)

// uploads are the uploads that are running. They bound their number and size, end
// those whose client sends nothing, and end all of them when the server closes.
type uploads struct {
	maxBytes   int64         // of one upload; 0 for no bound
	maxRunning int           // 0 for no bound
	idle       time.Duration // without a byte, after which an upload ends; 0 for never
	ended      sync.WaitGroup

	mu      sync.Mutex
	closing bool
	running map[*body]struct{}
}

// body is that of an upload. Its Read obeys the limits.
type body struct {
	uploads       *uploads
	from          io.Reader
	control       *http.ResponseController
	interruptible bool // the connection has deadlines
	size          int64
}

// watch bounds how long the server waits for a body that nobody wants.
func (u *uploads) watch(w http.ResponseWriter) {
	_ = http.NewResponseController(w).SetReadDeadline(u.deadline()) // tests have writers without connection
}

// deadline is when the next byte must have come.
func (u *uploads) deadline() time.Time {
	if u.idle == 0 {
		return time.Time{}
	}
	return time.Now().Add(u.idle)
}

// begin admits the upload of a request; end must follow it.
func (u *uploads) begin(w http.ResponseWriter, r *http.Request) (*body, error) {
	if u.maxBytes > 0 && r.ContentLength > u.maxBytes {
		return nil, u.tooLarge()
	}
	b := &body{uploads: u, from: r.Body, control: http.NewResponseController(w)}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closing {
		return nil, errClosed
	}
	if u.maxRunning > 0 && len(u.running) >= u.maxRunning {
		return nil, &refusal{
			Code:       http.StatusServiceUnavailable,
			Message:    fmt.Sprintf("The server has %d uploads running, which is all it takes: try again", u.maxRunning),
			retryAfter: time.Second,
		}
	}
	u.running[b] = struct{}{}
	if b.interruptible = b.control.SetReadDeadline(u.deadline()) == nil; b.interruptible {
		u.ended.Add(1)
	}
	return b, nil
}

// end says that the upload is over, its record written or its file removed.
func (b *body) end() {
	u := b.uploads
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.running, b)
	if b.interruptible {
		u.ended.Done() // the deadline stays, for net/http as it reads the rest
	}
}

// close refuses new uploads, interrupts those whose data are still coming, and
// waits until all have ended: one that has all its data is let finish.
func (u *uploads) close() {
	u.mu.Lock()
	u.closing = true
	for b := range u.running {
		_ = b.control.SetReadDeadline(time.Unix(1, 0)) // long ago
	}
	u.mu.Unlock()
	u.ended.Wait()
}

func (u *uploads) isClosing() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.closing
}

func (u *uploads) tooLarge() error {
	return refuse(http.StatusRequestEntityTooLarge, "The image is too large: this server takes at most %d bytes", u.maxBytes)
}

// Read reads on. It fails with a *refusal or errClosed when the upload must end.
func (b *body) Read(p []byte) (int, error) {
	if err := b.await(); err != nil {
		return 0, err
	}
	limit := b.uploads.maxBytes
	if left := limit - b.size; limit > 0 && int64(len(p))-1 > left {
		p = p[:left+1] // one more tells whether it is too large
	}
	n, err := b.from.Read(p)
	b.size += int64(n)
	switch {
	case limit > 0 && b.size > limit:
		return 0, b.uploads.tooLarge()
	case err == nil || err == io.EOF:
		return n, err
	case b.uploads.isClosing():
		return n, errors.Join(errClosed, err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, refuse(http.StatusRequestTimeout, "The upload ended because no data came for %s", b.uploads.idle)
	}
	return n, err
}

// await moves the deadline on, unless the server is closing. Holding u.mu, it
// cannot undo what close does to the deadline.
func (b *body) await() error {
	u := b.uploads
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.closing {
		return errClosed
	}
	if b.interruptible && u.idle > 0 {
		return b.control.SetReadDeadline(u.deadline())
	}
	return nil
}
