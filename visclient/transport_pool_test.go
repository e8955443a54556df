package visclient

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// deaf is a connection that can only be closed.
type deaf struct {
	net.Conn
	closed atomic.Bool
}

func (d *deaf) Close() error {
	d.closed.Store(true)
	return nil
}

// fill puts n connections into a pool.
func (p *pool) fill(n int) []*deaf {
	links := make([]*deaf, n)
	for i := range links {
		links[i] = new(deaf)
		p.put(newConn(links[i], links[i], nil))
	}
	return links
}

func countClosed(links []*deaf) (n int) {
	for _, link := range links {
		if link.closed.Load() {
			n++
		}
	}
	return n
}

func TestPoolGivesTheLatestFirstAndKeepsNotTooMany(t *testing.T) {
	t.Parallel()
	var p pool
	links := p.fill(maxIdle + 1)
	if countClosed(links) != 1 || !links[maxIdle].closed.Load() {
		t.Errorf("%d of %d connections are closed", countClosed(links), len(links))
	}
	if c := p.take(); c.tcp != net.Conn(links[maxIdle-1]) {
		t.Error("the last to be kept is not the first to be used")
	}
	p.clear()
	if p.take() != nil || countClosed(links) != maxIdle {
		t.Error("some are left") // but the one that is in use
	}
}

func TestPoolClosesWhatIsNotUsed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p pool
		old := p.fill(3)
		time.Sleep(idleTimeout / 2)
		young := p.fill(2)
		time.Sleep(idleTimeout/2 + time.Second)
		synctest.Wait()
		if countClosed(old) != 3 || countClosed(young) != 0 {
			t.Errorf("%d of 3 old ones and %d of 2 young ones are closed", countClosed(old), countClosed(young))
		}
		time.Sleep(idleTimeout / 2)
		synctest.Wait()
		if countClosed(young) != 2 {
			t.Errorf("%d of 2 are closed in the end", countClosed(young))
		}
	})
}

// A DELETE is not sent twice, so it has to be sent where it will be heard.
func TestConnectionThatTheServerClosedIsNotUsed(t *testing.T) {
	t.Parallel()
	closed := make(chan bool)
	for what, last := range map[string]string{
		"silently": "", "with a word": "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n",
	} {
		p := answer(t, func(conn net.Conn, in *bufio.Reader) {
			if asked(in) == nil {
				return
			}
			_, _ = io.WriteString(conn, fourBytes)
			<-closed
			_, _ = io.WriteString(conn, last)
			_ = conn.Close()
			closed <- true
		})
		tr := p.transport(t)
		for range 3 {
			if _, body, err := fetch(t, tr, http.MethodDelete); err != nil || body != "body" {
				t.Errorf("%s: %q, %v", what, body, err)
			}
			closed <- true
			<-closed
		}
	}
}

// The server closes when the request is on its way already: nobody can see that before.
func TestGetIsSentAgainWhenAKeptConnectionEnds(t *testing.T) {
	t.Parallel()
	p := answer(t, func(conn net.Conn, in *bufio.Reader) {
		if asked(in) != nil {
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			_ = asked(in)
		}
	})
	tr := p.transport(t)
	for i, row := range []struct {
		method string
		fails  bool
		conns  int64
	}{
		{"GET", false, 1}, {"GET", false, 2}, {"HEAD", false, 3}, {"DELETE", true, 3}, {"GET", false, 4}, {"PUT", true, 4},
	} {
		_, _, err := fetch(t, tr, row.method)
		if (err != nil) != row.fails || p.accepted.Load() != row.conns {
			t.Errorf("request %d: %v, %d connections, want %d", i, err, p.accepted.Load(), row.conns)
		}
	}
}

func TestFailureIsFinalOnceTheReplyHasBegun(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	p := answer(t, func(conn net.Conn, in *bufio.Reader) {
		for asked(in) != nil {
			if requests.Add(1) > 1 {
				_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
				return
			}
			_, _ = io.WriteString(conn, fourBytes)
		}
	})
	tr := p.transport(t)
	_, _, first := fetch(t, tr, http.MethodGet)
	_, _, second := fetch(t, tr, http.MethodGet)
	if first != nil || !errors.Is(second, io.ErrUnexpectedEOF) || requests.Load() != 2 {
		t.Errorf("%v, %v, %d requests", first, second, requests.Load())
	}
}
