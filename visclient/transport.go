package visclient

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// The patience with a connection that is being made, and how soon a dead one is noticed.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	keepAlive        = 15 * time.Second
)

// roundTripper sends a request and returns the reply.
type roundTripper interface {
	http.RoundTripper
	CloseIdleConnections()
}

// newRoundTripper returns what sends requests without a body. It is the client's own
// transport wherever the way to the server is a plain one.
func newRoundTripper(base url.URL, config *tls.Config) roundTripper {
	if !isASCII(base.Host) || strings.Contains(base.Host, "%") || viaProxy(base) {
		return netTransport(true, config)
	}
	return newTransport(base, config)
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r >= 0x7f })
}

func viaProxy(base url.URL) bool {
	proxy, err := http.ProxyFromEnvironment(&http.Request{URL: &base})
	return proxy != nil || err != nil
}

// netTransport is net/http's, for uploads and for whatever is not a plain way.
func netTransport(keep bool, config *tls.Config) *http.Transport {
	return &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         dialer().DialContext,
		TLSHandshakeTimeout: handshakeTimeout,
		TLSClientConfig:     config,
		TLSNextProto:        map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1.1: one stream per connection is faster for large bodies
		MaxIdleConnsPerHost: maxIdle,
		IdleConnTimeout:     idleTimeout,
		DisableKeepAlives:   !keep,
		DisableCompression:  true, // an image's bytes are counted and hashed as they come
		ReadBufferSize:      64 << 10,
		WriteBufferSize:     256 << 10,

		MaxResponseHeaderBytes: maxHeadBytes,
	}
}

func dialer() *net.Dialer { return &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive} }

// transport sends requests without a body to one server, over HTTP/1.1 connections
// that it keeps. net/http hands each request to two goroutines of its connection and
// back, which takes longer than a local server takes for 4 KiB; here the caller's
// goroutine writes the request and reads the reply itself.
//
// It knows no proxies, no compression, no request bodies, and no httptrace. It is safe
// for concurrent use.
type transport struct {
	host    string      // for the Host header
	address string      // host:port to dial
	tls     *tls.Config // nil for http

	idle pool

	repeats func(method string, trip time.Duration) // is told of requests that are sent once more; nil for nobody
}

func newTransport(base url.URL, config *tls.Config) *transport {
	t := &transport{host: base.Host}
	port := base.Port()
	if base.Scheme == "https" {
		t.tls = config.Clone()
		if t.tls.ServerName == "" {
			t.tls.ServerName = base.Hostname()
		}
	}
	switch {
	case port != "":
	case t.tls != nil:
		port = "443"
	default:
		port = "80"
	}
	t.address = net.JoinHostPort(base.Hostname(), port)
	return t
}

var errHasBody = errors.New("a request with a body is not for this transport")

// RoundTrip implements [http.RoundTripper]. The URL's host is not looked at: it is the
// transport's.
func (t *transport) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if req.Body != nil && req.Body != http.NoBody {
		_ = req.Body.Close()
		return nil, errHasBody
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if c := t.idle.take(); c != nil {
		begun := time.Now()
		resp, err := c.roundTrip(req)
		if err == nil || c.heard || !isRepeatable(req.Method) || ctx.Err() != nil {
			return resp, err
		}
		if t.repeats != nil {
			t.repeats(req.Method, time.Since(begun))
		}
	}
	c, err := t.dial(ctx)
	if err != nil {
		return nil, err
	}
	return c.roundTrip(req)
}

// isRepeatable reports whether a request may be sent again when the server closed a kept
// connection instead of answering, perhaps after it did what was asked.
func isRepeatable(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// CloseIdleConnections closes the connections that are kept for the next request.
func (t *transport) CloseIdleConnections() { t.idle.clear() }

func (t *transport) dial(ctx context.Context) (*conn, error) {
	tcp, err := dialer().DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, err
	}
	if t.tls == nil {
		return newConn(tcp, tcp, t), nil
	}
	secured, err := t.handshake(ctx, tcp)
	if err != nil {
		_ = tcp.Close()
		return nil, err
	}
	return newConn(tcp, secured, t), nil
}

var errHandshakeTimeout = errors.New("TLS handshake: no answer in time")

func (t *transport) handshake(ctx context.Context, tcp net.Conn) (*tls.Conn, error) {
	limited, cancel := context.WithTimeoutCause(ctx, handshakeTimeout, errHandshakeTimeout)
	defer cancel()
	secured := tls.Client(tcp, t.tls)
	err := secured.HandshakeContext(limited)
	var wrong tls.RecordHeaderError
	switch {
	case err == nil:
		return secured, nil
	case limited.Err() != nil:
		return nil, context.Cause(limited)
	case errors.As(err, &wrong) && string(wrong.RecordHeader[:]) == "HTTP/":
		return nil, fmt.Errorf("%w (%s)", ErrNotTLS, t.host)
	}
	return nil, err
}
