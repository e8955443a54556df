//go:build linux

package integration

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// proxy stands between a mount and a server. It notes the requests, and makes faults.
type proxy struct {
	url     string
	release chan struct{} // closed at the end: lets go of stalled requests
	sent    atomic.Int64  // bytes of image data that went to the mount
	tally   tally
	crawl   atomic.Pointer[<-chan struct{}] // of the latest fault of that kind
	pass    http.Handler                    // to the server
	tls     *tls.Config                     // nil for http
	front   *http.Server

	mu       sync.Mutex
	fault    func(*http.Request) fault // nil for none
	requests []seen
}

// seen is a request that passed.
type seen struct{ method, path, query, ranges string }

// fault is what happens to a request. The zero value is nothing.
type fault struct {
	stall   bool            // no answer, ever
	hold    <-chan struct{} // the request goes on when this is closed
	drop    bool            // the connection is closed instead of an answer
	reset   bool            // likewise with a reset
	status  int             // answered by the proxy
	after   string          // with status: its Retry-After, in seconds
	late    bool            // with status: not before the whole of the request has come
	away    bool            // with status: as a server does of which a part is not running
	lost    bool            // the server does what it is asked, and the connection is closed instead of its answer
	slow    bool            // likewise, and its answer takes slowTime more
	cutUp   int64           // the connection breaks after so many bytes of the request's body
	cutDown int64           // likewise of the reply's
	crawl   <-chan struct{} // the bodies of the request and the reply crawl after crawlAfter until this is closed

	request func(*http.Request)  // changes the request on its way
	reply   func(*http.Response) // changes the server's reply on its way
}

var errCut = errors.New("cut by the proxy")

func startProxy(t *testing.T, s *server) *proxy {
	t.Helper()
	return startSecureProxy(t, s, nil)
}

// startSecureProxy starts a proxy that speaks https, unless config is nil.
func startSecureProxy(t *testing.T, s *server, config *tls.Config) *proxy {
	t.Helper()
	target, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{release: make(chan struct{}), tls: config}
	p.pass = &httputil.ReverseProxy{
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target) },
		ModifyResponse: p.watchReply,
		ErrorHandler:   func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		FlushInterval:  -1,
		ErrorLog:       log.New(io.Discard, "", 0), // of what the test cut itself
		// Connections that the original server ends without a word would make faults of the proxy's own.
		Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true},
	}
	address := p.open(t, "127.0.0.1:0")
	keepPort(t, address)
	p.url = "http://" + address
	if config != nil {
		p.url = "https://" + address
	}
	t.Cleanup(func() {
		close(p.release)
		p.close()
	})
	return p
}

// open has the proxy listen, and returns where.
func (p *proxy) open(t *testing.T, address string) string {
	t.Helper()
	l, err := (&net.ListenConfig{Control: sharePort}).Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	front := &http.Server{
		Handler:     p,
		TLSConfig:   p.tls,
		ErrorLog:    log.New(io.Discard, "", 0),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
	}
	p.front = front
	if p.tls == nil {
		go func() { _ = front.Serve(l) }()
	} else {
		go func() { _ = front.ServeTLS(l, "", "") }()
	}
	return l.Addr().String()
}

// sharePort lets a socket have a port that others have too that say the same.
func sharePort(_, _ string, c syscall.RawConn) error {
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(err, failed)
}

// keepPort has nobody else get a port while a proxy is closed: a socket has it that does not
// listen.
func keepPort(t *testing.T, address string) {
	t.Helper()
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	if err = errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})); err != nil {
		t.Fatal(err)
	}
}

// close breaks all connections, and refuses others until reopen.
func (p *proxy) close() { _ = p.front.Close() }

func (p *proxy) reopen(t *testing.T) {
	t.Helper()
	_, address, _ := strings.Cut(p.url, "://")
	p.open(t, address)
}

// connKey and replyKey are what a request's context has its connection, and what is to be
// done to its reply, under.
type (
	connKey  struct{}
	replyKey struct{}
)

// resetAtEnd has a request's connection reset when it is closed.
func resetAtEnd(ctx context.Context) {
	c, _ := ctx.Value(connKey{}).(net.Conn)
	if secured, ok := c.(*tls.Conn); ok {
		c = secured.NetConn()
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// ServeHTTP implements [http.Handler].
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.tally.watch(w, r, func(w http.ResponseWriter) { p.serve(w, r) })
}

func (p *proxy) serve(w http.ResponseWriter, r *http.Request) {
	switch f := p.note(r); {
	case f.stall:
		select {
		case <-p.release:
		case <-r.Context().Done():
		}
		panic(http.ErrAbortHandler)
	case f.hold != nil:
		select {
		case <-f.hold:
		case <-p.release:
			panic(http.ErrAbortHandler)
		}
	case f.drop:
		panic(http.ErrAbortHandler)
	case f.reset:
		resetAtEnd(r.Context())
		panic(http.ErrAbortHandler)
	case f.status != 0:
		f.refuse(w, r)
		return
	case f.lost:
		r.Header.Set(lostHeader, "1")
	case f.slow:
		r.Header.Set(slowHeader, "1")
	case f.cutUp > 0:
		r.Body = &cutReader{r.Body, f.cutUp}
	case f.crawl != nil:
		p.crawl.Store(&f.crawl)
		r.Header.Set(crawlHeader, "1")
		r.Body = &crawlingReader{r.Body, crawlAfter, f.crawl, p.release}
	case f.cutDown > 0:
		r.Header.Set(cutHeader, strconv.FormatInt(f.cutDown, 10))
	case f.request != nil:
		f.request(r)
	case f.reply != nil:
		r = r.WithContext(context.WithValue(r.Context(), replyKey{}, f.reply))
	}
	p.pass.ServeHTTP(w, r)
}

// refuse answers a request with the status of a fault.
func (f fault) refuse(w http.ResponseWriter, r *http.Request) {
	if f.late {
		_, _ = io.Copy(io.Discard, r.Body)
	}
	message := "refused by the proxy"
	if f.away {
		message = "VISOR Meta System server not found. Is it running?"
	}
	if f.after != "" {
		w.Header().Set("Retry-After", f.after)
	}
	http.Error(w, fmt.Sprintf(`{"code":%d,"message":%q}`, f.status, message), f.status)
}

func (p *proxy) note(r *http.Request) fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, seen{r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Range")})
	if p.fault == nil {
		return fault{}
	}
	return p.fault(r)
}

// watchReply counts image data, and drops a reply or cuts its body where the test wants
// that.
func (p *proxy) watchReply(resp *http.Response) error {
	if resp.Request.Header.Get(lostHeader) != "" {
		return errCut
	}
	if resp.Request.Header.Get(slowHeader) != "" {
		time.Sleep(slowTime)
	}
	if change, ok := resp.Request.Context().Value(replyKey{}).(func(*http.Response)); ok {
		change(resp)
	}
	if !isData(seen{method: resp.Request.Method, path: resp.Request.URL.Path}) {
		return nil
	}
	if after, err := strconv.ParseInt(resp.Request.Header.Get(cutHeader), 10, 64); err == nil {
		resp.Body = &cutReader{resp.Body, after}
	}
	if resp.Request.Header.Get(crawlHeader) != "" {
		resp.Body = &crawlingReader{resp.Body, crawlAfter, *p.crawl.Load(), p.release}
	}
	resp.Body = &countingBody{resp.Body, &p.sent}
	return nil
}

// These mark, on its way through the proxy, a request whose reply is to be cut, lost or late.
const (
	cutHeader   = "X-Cut"
	lostHeader  = "X-Lost"
	slowHeader  = "X-Slow"
	crawlHeader = "X-Crawl"
)

const (
	slowTime   = time.Second
	crawlAfter = 20 << 20
)

// cutReader breaks after some bytes.
type cutReader struct {
	io.ReadCloser
	left int64
}

func (c *cutReader) Read(b []byte) (int, error) {
	if c.left <= 0 {
		return 0, errCut
	}
	n, err := c.ReadCloser.Read(b[:min(int64(len(b)), c.left)])
	c.left -= int64(n)
	return n, err
}

// crawlingReader crawls after some bytes until a channel is closed.
type crawlingReader struct {
	io.ReadCloser
	left  int64
	crawl <-chan struct{}
	end   <-chan struct{} // the test's
}

func (h *crawlingReader) Read(b []byte) (int, error) {
	if h.left <= 0 {
		select {
		case <-h.crawl:
		case <-h.end:
			return 0, errCut
		case <-time.After(50 * time.Millisecond):
			b = b[:min(len(b), 32<<10)]
		}
		return h.ReadCloser.Read(b)
	}
	n, err := h.ReadCloser.Read(b[:min(int64(len(b)), h.left)])
	h.left -= int64(n)
	return n, err
}

type countingBody struct {
	io.ReadCloser
	sum *atomic.Int64
}

func (c *countingBody) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.sum.Add(int64(n))
	return n, err
}

// setFault makes faults from now on; nil ends them.
func (p *proxy) setFault(f func(*http.Request) fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// hold lets requests of a kind wait until a channel is closed.
func (p *proxy) hold(kind func(*http.Request) bool, until <-chan struct{}) {
	p.setFault(func(r *http.Request) fault {
		if kind(r) {
			return fault{hold: until}
		}
		return fault{}
	})
}

// always is a fault of every request.
func always(f fault) func(*http.Request) fault {
	return func(*http.Request) fault { return f }
}

// once is a fault of the first request of a kind.
func once(kind func(*http.Request) bool, f fault) func(*http.Request) fault {
	var done atomic.Bool
	return func(r *http.Request) fault {
		if kind(r) && done.CompareAndSwap(false, true) {
			return f
		}
		return fault{}
	}
}

// each is a fault of every request of a kind.
func each(kind func(*http.Request) bool, f fault) func(*http.Request) fault {
	return func(r *http.Request) fault {
		if kind(r) {
			return f
		}
		return fault{}
	}
}

// reset forgets the requests so far.
func (p *proxy) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = nil
	p.sent.Store(0)
}

// list returns the requests since the last reset that are of a kind.
func (p *proxy) list(kind func(seen) bool) []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []seen
	for _, r := range p.requests {
		if kind(r) {
			found = append(found, r)
		}
	}
	return found
}

var imagePath = regexp.MustCompile(`^/images/[0-9a-f-]{36}$`)

func isAny(seen) bool       { return true }
func isData(r seen) bool    { return r.method == http.MethodGet && imagePath.MatchString(r.path) }
func isListing(r seen) bool { return r.method == http.MethodGet && r.path == "/images/detail" }

func is(method string) func(seen) bool {
	return func(r seen) bool { return r.method == method }
}

// wantRequests demands a number of requests of a kind since the last reset.
func (p *proxy) wantRequests(t *testing.T, what string, kind func(seen) bool, want int) {
	t.Helper()
	if got := p.list(kind); len(got) != want {
		t.Errorf("%d requests (%s), want %d: %v", len(got), what, want, got)
	}
}
