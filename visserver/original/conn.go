package original

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"time"
)

// lingerTime bounds how long a closing connection waits for the client to take
// the last bytes and close too. Without the wait, bytes that nobody reads would
// make the kernel take back a reply on its way.
const lingerTime = 250 * time.Millisecond

// conn is one connection.
type conn struct {
	net.Conn
	server *Server
	busy   bool // guarded by server.mu: a request has begun
}

// serve answers requests until one ends the connection.
func (c *conn) serve() {
	in := bufio.NewReaderSize(c, 16<<10)
	for !c.server.isStopping() && c.serveOne(in) {
	}
	c.linger(in)
}

// serveOne reads a request and answers it, and reports whether another may follow.
// Whatever is malformed ends the connection without a word.
func (c *conn) serveOne(in *bufio.Reader) bool {
	if _, err := in.Peek(1); err != nil || !c.server.begin(c) {
		return false
	}
	defer c.server.end(c)
	head, err := readHead(in)
	if err != nil {
		return c.giveUp("read head", err)
	}
	req, err := parseHead(head)
	if err != nil {
		return c.giveUp("parse head", err)
	}
	if err := c.server.readBody(req, in); err != nil {
		return c.giveUp("read body", err)
	}
	defer req.body.drop()
	rep := c.server.answer(req)
	c.server.log.Debug("request", "method", req.method, "path", req.path, "status", rep.status)
	if err := rep.writeTo(c.Conn, c.server.now().UTC().Format(http.TimeFormat)); err != nil {
		return c.giveUp("write reply", err)
	}
	return rep.stream == nil && req.keepAlive()
}

func (c *conn) giveUp(doing string, err error) bool {
	c.server.log.Debug("connection given up", "client", c.RemoteAddr().String(), "doing", doing, "err", err)
	return false
}

// linger closes the connection; what the client has sent beyond is dropped.
func (c *conn) linger(in *bufio.Reader) {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_ = c.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, in, 1<<20)
	}
	_ = c.Close()
}
