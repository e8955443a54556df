package visclient

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// replyBody is the body of a reply. It gives its connection back with the last byte:
// a reader that knows how many there are need not ask for the end.
type replyBody struct {
	rest     int64     // bytes to come, when src is nil
	src      io.Reader // net/http's, for a body whose length nobody told
	reusable bool      // the connection, after the body

	mu      sync.Mutex // Close may come while another goroutine reads
	conn    *conn      // nil when it is given back
	reading bool
	closed  bool
	err     error // of every Read to come
}

// attach gives a reply the body that is on the connection.
func (c *conn) attach(resp *http.Response, reusable bool) {
	if resp.Body == http.NoBody {
		c.release(reusable)
		return
	}
	b := &replyBody{conn: c, reusable: reusable}
	if b.rest = resp.ContentLength; b.rest < 0 {
		b.src = resp.Body
	}
	resp.Body = b
}

var errBodyClosed = errors.New("read of a closed body")

func (b *replyBody) Read(p []byte) (int, error) {
	c, err := b.begin()
	if err != nil {
		return 0, err
	}
	n, err := b.read(c, p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = false
	switch {
	case b.closed:
		b.err = errBodyClosed
	case err != nil && err != io.EOF:
		b.err = c.cause(err)
	default:
		b.err = err
	}
	if b.err != nil {
		b.release(b.err == io.EOF)
	}
	return n, b.err
}

func (b *replyBody) begin() (*conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.err != nil:
		return nil, b.err
	case b.closed:
		return nil, errBodyClosed
	case b.reading:
		return nil, errors.New("two reads of a body at once")
	}
	b.reading = true
	return b.conn, nil
}

// read reads from the connection; io.EOF comes with the last byte where that is known.
func (b *replyBody) read(c *conn, p []byte) (int, error) {
	if b.src != nil {
		return b.src.Read(p)
	}
	if int64(len(p)) > b.rest {
		p = p[:b.rest]
	}
	n, err := c.in.Read(p)
	b.rest -= int64(n)
	switch {
	case b.rest == 0:
		err = io.EOF
	case err == io.EOF:
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// release gives the connection back, unless that was done. It is called with mu held.
func (b *replyBody) release(ended bool) {
	if b.conn != nil {
		b.conn.release(ended && b.reusable)
		b.conn = nil
	}
}

// Close gives the connection back if the rest of the body is here already. Otherwise
// it closes the connection, and ends a Read that is under way.
func (b *replyBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	switch {
	case b.conn == nil:
	case b.reading:
		b.conn.abort()
	default:
		b.release(b.reusable && b.isHere())
	}
	return nil
}

// isHere reports whether the rest of the body has come, and takes it.
func (b *replyBody) isHere() bool {
	b.conn.allowed = 0 // no byte more
	if b.src == nil {
		if b.rest > int64(b.conn.in.Buffered()) {
			return false
		}
		_, err := b.conn.in.Discard(int(b.rest))
		return err == nil
	}
	_, err := io.Copy(io.Discard, b.src)
	return err == nil
}
