package visclient

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/textproto"
	"syscall"
	"time"
)

const (
	maxHeadBytes = 256 << 10 // of the replies to one request, until the body

	// connBuffer holds a reply of 4 KiB with its head. What a larger read wants goes
	// from the connection to where it is wanted.
	connBuffer = 16 << 10
)

// conn is a connection to the server, owned by one request at a time.
type conn struct {
	tcp  net.Conn
	link net.Conn        // tcp, or TLS over it
	raw  syscall.RawConn // tcp's; nil if it has none
	home *transport

	// Of the request that it is used for.
	in      *bufio.Reader // reads from conn
	out     []byte        // the request
	allowed int64         // bytes that may still be read from link
	heard   bool          // the reply has begun
	ctx     context.Context
	unwatch func() bool // see [context.AfterFunc]; nil when ctx does not end

	unused time.Time // since when, in the pool
}

func newConn(tcp, link net.Conn, home *transport) *conn {
	c := &conn{tcp: tcp, link: link, home: home}
	if s, ok := tcp.(syscall.Conn); ok {
		c.raw, _ = s.SyscallConn()
	}
	c.in = bufio.NewReaderSize(c, connBuffer)
	return c
}

// close ends a connection on which nothing happens any more.
func (c *conn) close() { _ = c.link.Close() }

// abort ends a connection whatever happens on it, at once: to close TLS would be to write.
func (c *conn) abort() { _ = c.tcp.Close() }

var errHeadTooLarge = fmt.Errorf("the head of the reply has more than %d bytes", maxHeadBytes)

// Read is for c.in. It reads no more than is allowed.
func (c *conn) Read(p []byte) (int, error) {
	if c.allowed <= 0 {
		return 0, errHeadTooLarge
	}
	if int64(len(p)) > c.allowed {
		p = p[:c.allowed]
	}
	n, err := c.link.Read(p)
	c.allowed -= int64(n)
	if n > 0 {
		c.heard = true
	}
	return n, err
}

// roundTrip sends a request and reads the head of its reply. The body gives the
// connection back; after an error it is closed.
func (c *conn) roundTrip(req *http.Request) (*http.Response, error) {
	c.begin(req.Context())
	resp, err := c.exchange(req)
	if err != nil {
		err = c.cause(err)
		c.release(false)
		return nil, err
	}
	c.allowed = math.MaxInt64
	c.attach(resp, !req.Close && !resp.Close)
	return resp, nil
}

// begin makes the end of ctx the end of the connection, so that whatever waits for the
// server waits no longer.
func (c *conn) begin(ctx context.Context) {
	c.allowed, c.heard = maxHeadBytes, false
	c.ctx, c.unwatch = ctx, nil
	if ctx.Done() != nil {
		c.unwatch = context.AfterFunc(ctx, c.abort)
	}
}

// release ends the connection's part in a request. A connection that is being closed
// because the context just ended is of no use to another request.
func (c *conn) release(reusable bool) {
	if c.unwatch != nil && !c.unwatch() {
		reusable = false
	}
	c.ctx, c.unwatch = nil, nil
	if !reusable || c.in.Buffered() > 0 { // nothing was asked that these bytes could answer
		c.close()
		return
	}
	c.home.idle.put(c)
}

// cause is what ended the context, if that is why err came up.
func (c *conn) cause(err error) error {
	if c.ctx.Err() != nil {
		return context.Cause(c.ctx)
	}
	return err
}

func (c *conn) exchange(req *http.Request) (*http.Response, error) {
	var err error
	if c.out, err = appendRequest(c.out[:0], c.home.host, req); err != nil {
		return nil, err
	}
	if _, err := c.link.Write(c.out); err != nil {
		return nil, err
	}
	resp, err := c.reply(req)
	switch {
	case err != nil && !c.heard:
		return nil, fmt.Errorf("the server closed the connection without an answer: %w", err)
	case err != nil:
		return nil, malformed(err)
	}
	return resp, nil
}

// reply reads the head of the reply, and of those that come before it and say nothing.
func (c *conn) reply(req *http.Request) (*http.Response, error) {
	if resp, err := c.plainReply(req); resp != nil || err != nil {
		return resp, err
	}
	for {
		resp, err := http.ReadResponse(c.in, req)
		switch {
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusSwitchingProtocols:
			return nil, errors.New("the server switches to another protocol")
		case resp.StatusCode < 100 || resp.StatusCode >= 200:
			return resp, nil
		}
	}
}

// malformed says of what is not HTTP that it is not; the connection's own errors speak
// for themselves.
func malformed(err error) error {
	var network *net.OpError
	if errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errHeadTooLarge) {
		return err
	}
	return fmt.Errorf("malformed HTTP reply: %w", err)
}

// appendRequest writes a request without a body. What would be more than one header
// line is an error.
func appendRequest(out []byte, host string, req *http.Request) ([]byte, error) {
	out = append(append(out, req.Method...), ' ')
	out = append(append(out, req.URL.RequestURI()...), " HTTP/1.1\r\nHost: "...)
	out = append(append(out, host...), "\r\n"...)
	for name, values := range req.Header {
		if !isToken(name) {
			return nil, fmt.Errorf("invalid header name %q", name)
		}
		for _, value := range values {
			if !isPlain(value) {
				return nil, fmt.Errorf("invalid value of header %s", name) // it may be a secret
			}
			out = append(append(out, name...), ": "...)
			out = append(append(out, textproto.TrimString(value)...), "\r\n"...)
		}
	}
	if req.Close {
		out = append(out, "Connection: close\r\n"...)
	}
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch: // these have one, if only of no bytes
		out = append(out, "Content-Length: 0\r\n"...)
	}
	return append(out, "\r\n"...), nil
}

func isToken(name string) bool {
	for i := range len(name) {
		if !isTokenByte[name[i]] {
			return false
		}
	}
	return name != ""
}
