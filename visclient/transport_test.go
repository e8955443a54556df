package visclient

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// patient is longer than anything here may take that ends by itself.
const patient = 20 * time.Second

// peer is a server that writes what it is told to.
type peer struct {
	l        net.Listener
	accepted atomic.Int64
	open     atomic.Int64 // connections that are not closed by both sides
}

// answer serves each connection by a function of its own until that returns.
func answer(t testing.TB, serve func(conn net.Conn, in *bufio.Reader)) *peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{l: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			p.accepted.Add(1)
			p.open.Add(1)
			go func() {
				defer p.open.Add(-1)
				defer conn.Close()
				serve(conn, bufio.NewReader(conn))
			}()
		}
	}()
	return p
}

// replies serves the same text for every request. Where "CLOSE" ends it, the connection ends too.
func replies(t testing.TB, text string) *peer {
	t.Helper()
	text, closes := strings.CutSuffix(text, "CLOSE")
	return answer(t, func(conn net.Conn, in *bufio.Reader) {
		for asked(in) != nil {
			if _, err := io.WriteString(conn, text); err != nil || closes {
				return
			}
		}
	})
}

// asked reads a request; nil when there is none any more.
func asked(in *bufio.Reader) *http.Request {
	req, err := http.ReadRequest(in)
	if err != nil {
		return nil
	}
	return req
}

// waitAllClosed waits until the client has closed its connections.
func (p *peer) waitAllClosed(t testing.TB) {
	t.Helper()
	for start := time.Now(); p.open.Load() > 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > patient {
			t.Fatalf("%d connections stay open", p.open.Load())
		}
	}
}

func (p *peer) url() url.URL { return url.URL{Scheme: "http", Host: p.l.Addr().String()} }

func (p *peer) transport(t testing.TB) *transport {
	t.Helper()
	tr := newTransport(p.url(), nil)
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

func ask(ctx context.Context, tr roundTripper, method, path string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://vis"+path, nil)
	if err != nil {
		return nil, err
	}
	return tr.RoundTrip(req)
}

// fetch gets a whole reply.
func fetch(t testing.TB, tr roundTripper, method string) (*http.Response, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patient)
	defer cancel()
	resp, err := ask(ctx, tr, method, "/")
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

// theID and theBytes are those of the image of some tests.
const (
	theID    meta.ID = "5662192c-fe11-4f4a-9f55-e2bc69a186d5"
	theBytes         = 1 << 30
)

// rangeHead is the head of a reply with a range of that image.
func rangeHead(from, to int64) []byte {
	return fmt.Appendf(nil, "HTTP/1.1 206 Partial Content\r\nServer: nginx/1.22.1\r\nDate: Tue, 24 Nov 2026 21:53:00 GMT\r\n"+
		"Content-Type: application/octet-stream\r\nContent-Length: %d\r\nConnection: keep-alive\r\nETag: \"5f3b8c5e-40000000\"\r\n"+
		"x-image-meta-_id: %s\r\nx-image-meta-uri: http://127.0.0.1:4568/images/%s\r\nx-image-meta-name: Ubuntu 12.04 server\r\n"+
		"x-image-meta-architecture: x86_64\r\nx-image-meta-access: public\r\nx-image-meta-format: iso\r\nx-image-meta-store: file\r\n"+
		"x-image-meta-location: file:///var/lib/vis/%s.iso\r\nx-image-meta-owner: foo\r\nx-image-meta-status: available\r\n"+
		"x-image-meta-size: %d\r\nx-image-meta-created_at: 2026-11-24 21:53:00 +0000\r\nx-image-meta-uploaded_at: 2026-11-24 21:53:01 +0000\r\n"+
		"x-image-meta-checksum: cd573cfaace07e7949bc0c46028904ff\r\nContent-Range: bytes %d-%d/%d\r\n\r\n",
		to-from+1, theID, theID, theID, int64(theBytes), from, to, int64(theBytes))
}

const fourBytes = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"

func TestRepliesAreReadAndTheirConnectionsKept(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("0123456789abcdef", 64<<10)
	for what, row := range map[string]struct {
		method, reply string
		code          int
		body          string
		kept          bool
	}{
		"a length":                       {"GET", fourBytes, 200, "body", true},
		"a range":                        {"GET", "HTTP/1.1 206 Partial Content\r\ncontent-length:4 \r\nConnection: Keep-Alive\r\n\r\nbody", 206, "body", true},
		"a large one":                    {"GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(large), large), 200, large, true},
		"no bytes":                       {"GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true},
		"chunks":                         {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbod\r\n1\r\ny\r\n0\r\n\r\n", 200, "body", true},
		"chunks and a trailer":           {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n4\r\nbody\r\n0\r\nX: y\r\n\r\n", 200, "body", true},
		"large chunks":                   {"GET", fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(large), large), 200, large, true},
		"until the end":                  {"GET", "HTTP/1.1 200 OK\r\n\r\nbodyCLOSE", 200, "body", false},
		"HTTP/1.0":                       {"GET", "HTTP/1.0 200 OK\r\n\r\nbodyCLOSE", 200, "body", false},
		"HTTP/1.0 with a length":         {"GET", "HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", 200, "body", false},
		"HTTP/1.0 that stays":            {"GET", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true},
		"an end that is announced":       {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbodyCLOSE", 200, "body", false},
		"an end that is only announced":  {"GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", 200, "body", false},
		"continue":                       {"GET", "HTTP/1.1 100 Continue\r\n\r\n" + fourBytes, 200, "body", true},
		"hints":                          {"GET", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n" + fourBytes, 200, "body", true},
		"HEAD":                           {"HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n", 200, "", true},
		"HEAD in chunks":                 {"HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, "", true},
		"HEAD with the body of a GET":    {"HEAD", fourBytes, 200, "", false},
		"no content":                     {"GET", "HTTP/1.1 204 No Content\r\n\r\n", 204, "", true},
		"not modified":                   {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", 304, "", true},
		"an error":                       {"GET", "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nbody", 404, "body", true},
		"DELETE":                         {"DELETE", fourBytes, 200, "body", true},
		"lines that end in LF alone":     {"GET", "HTTP/1.1 200 OK\nContent-Length: 4\n\nbody", 200, "body", true},
		"a value on two lines":           {"GET", "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true},
		"bytes after the body":           {"GET", fourBytes + "x", 200, "body", false},
		"another reply after the body":   {"GET", fourBytes + fourBytes, 200, "body", false},
		"bytes after the chunks":         {"GET", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\nx", 200, "body", false},
		"a reply in 300 lines":           {"GET", "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 300) + "Content-Length: 4\r\n\r\nbody", 200, "body", true},
		"a head of nearly 256 KiB":       {"GET", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 255<<10) + "\r\nContent-Length: 4\r\n\r\nbody", 200, "body", true},
		"a server that leaves unnoticed": {"GET", fourBytes + "CLOSE", 200, "body", false},
	} {
		p := replies(t, row.reply)
		tr := p.transport(t)
		const times = 3
		for range times {
			resp, body, err := fetch(t, tr, row.method)
			if err != nil || resp.StatusCode != row.code || body != row.body {
				t.Fatalf("%s: %+v, body of %d bytes, %v", what, resp, len(body), err)
			}
		}
		want := int64(times)
		if row.kept {
			want = 1
		}
		if got := p.accepted.Load(); got != want {
			t.Errorf("%s: %d connections for %d requests, want %d", what, got, times, want)
		}
	}
}

func TestRequestThatClosesTakesItsConnectionAlong(t *testing.T) {
	t.Parallel()
	told := make(chan bool, 2)
	p := answer(t, func(conn net.Conn, in *bufio.Reader) {
		for req := asked(in); req != nil; req = asked(in) {
			told <- req.Close
			_, _ = io.WriteString(conn, fourBytes)
		}
	})
	tr := p.transport(t)
	for range 2 {
		req, _ := http.NewRequest(http.MethodGet, "http://vis/", nil)
		req.Close = true
		resp, err := tr.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadAll(resp.Body)
		if !<-told {
			t.Error("the server was not told")
		}
	}
	if p.accepted.Load() != 2 {
		t.Errorf("%d connections", p.accepted.Load())
	}
}

func TestRequestsSayWhatTheyShould(t *testing.T) {
	t.Parallel()
	got := make(chan *http.Request, 1)
	p := answer(t, func(conn net.Conn, in *bufio.Reader) {
		for req := asked(in); req != nil; req = asked(in) {
			got <- req
			_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
		}
	})
	tr := p.transport(t)
	for _, method := range []string{"GET", "HEAD", "DELETE", "PUT", "POST"} {
		req, _ := http.NewRequest(method, "http://vis/a%20b?c=d+e", nil)
		req.Header = http.Header{"X-Two": {"a", "b"}, "X-Blanks": {" c\t"}, "x-image-meta-_id": {"ü"}}
		if _, err := tr.RoundTrip(req); err != nil {
			t.Fatal(err)
		}
		r := <-got
		length := r.Header.Get("Content-Length")
		if changes := method[0] == 'P'; r.Method != method || r.RequestURI != "/a%20b?c=d+e" || r.Host != p.l.Addr().String() || (length == "0") != changes {
			t.Errorf("%s: %+v", method, r)
		}
		if len(r.Header["X-Two"]) != 2 || r.Header.Get("X-Blanks") != "c" || r.Header.Get("x-image-meta-_id") != "ü" {
			t.Errorf("%s: %v", method, r.Header)
		}
	}
}

func TestWhatIsNoHeaderLineIsNotSent(t *testing.T) {
	t.Parallel()
	p := replies(t, fourBytes)
	tr := p.transport(t)
	for name, value := range map[string]string{"X": "a\r\nY: b", "X\r\nY": "a", "Z": "\x00", "": "a", "A B": "a", "C:": "a", "D": "secret\x7f"} {
		req, _ := http.NewRequest(http.MethodGet, "http://vis/", nil)
		req.Header = http.Header{name: {value}}
		if _, err := tr.RoundTrip(req); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %q: %v", name, value, err)
		}
	}
	req, _ := http.NewRequest(http.MethodPost, "http://vis/", strings.NewReader("body"))
	if _, err := tr.RoundTrip(req); !errors.Is(err, errHasBody) {
		t.Error(err)
	}
}

func TestHeadThatComesByteByByteIsRead(t *testing.T) {
	t.Parallel()
	const reply = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 206 Partial Content\r\nX-Image-Meta-_id: x\r\nContent-Length: 4\r\n\r\nbody"
	p := answer(t, func(conn net.Conn, in *bufio.Reader) {
		for asked(in) != nil {
			for i := range len(reply) {
				_, _ = io.WriteString(conn, reply[i:i+1])
				runtime.Gosched()
			}
		}
	})
	tr := p.transport(t)
	for range 3 {
		resp, body, err := fetch(t, tr, http.MethodGet)
		if err != nil || body != "body" || resp.Header.Get("x-image-meta-_id") != "x" {
			t.Errorf("%+v, %q, %v", resp, body, err)
		}
	}
	if p.accepted.Load() != 1 {
		t.Errorf("%d connections", p.accepted.Load())
	}
}

func TestRepliesThatAreNoneAreErrors(t *testing.T) {
	t.Parallel()
	for what, reply := range map[string]string{
		"nothing":                    "CLOSE",
		"no HTTP":                    "SSH-2.0-OpenSSH_9.2\r\n",
		"HTML":                       "<html></html>\r\n\r\n",
		"a status of two digits":     "HTTP/1.1 20 OK\r\n\r\n",
		"a status of letters":        "HTTP/1.1 2xx OK\r\n\r\n",
		"no version":                 "HTTP/x 200 OK\r\n\r\n",
		"another protocol":           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
		"a line without a colon":     "HTTP/1.1 200 OK\r\nx\r\nContent-Length: 4\r\n\r\nbody",
		"a control character":        "HTTP/1.1 200 OK\r\nX: \x01\r\nContent-Length: 4\r\n\r\nbody",
		"a negative length":          "HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nbody",
		"two lengths":                "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
		"a length of letters":        "HTTP/1.1 200 OK\r\nContent-Length: four\r\n\r\nbody",
		"a length beyond all":        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nbody",
		"an encoding of the way":     "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nbody",
		"a chunk of no length":       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\nbody\r\n0\r\n\r\n",
		"a chunk that is too long":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nbody\r\n0\r\n\r\n",
		"a head of more than 256 KB": "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 257<<10) + "\r\nContent-Length: 4\r\n\r\nbody",
		"lines without end":          "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 100_000),
		"a line without end":         strings.Repeat("x", 1<<20),
		"hints without end":          strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 100_000),
	} {
		p := replies(t, reply)
		tr := p.transport(t)
		for range 2 {
			if _, body, err := fetch(t, tr, http.MethodGet); err == nil || errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: %q, %v", what, body, err)
			}
		}
		if p.accepted.Load() != 2 || tr.idle.pop() != nil {
			t.Errorf("%s: the connection is kept", what)
		}
	}
}

func TestTransportOverTLS(t *testing.T) {
	t.Parallel()
	var accepted atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.Host) }))
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			accepted.Add(1)
		}
	}
	s.StartTLS()
	defer s.Close()
	base, _ := url.Parse(s.URL)
	authorities := x509.NewCertPool()
	authorities.AddCert(s.Certificate())
	tr := newTransport(*base, &tls.Config{RootCAs: authorities})
	defer tr.CloseIdleConnections()
	for range 3 {
		if _, body, err := fetch(t, tr, http.MethodGet); err != nil || body != base.Host {
			t.Errorf("%q, %v", body, err)
		}
	}
	if accepted.Load() != 1 {
		t.Errorf("%d connections", accepted.Load())
	}
	stranger := newTransport(*base, &tls.Config{})
	if _, _, err := fetch(t, stranger, http.MethodGet); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("a certificate of an unknown authority: %v", err)
	}
	plain := replies(t, "HTTP/1.1 400 Bad Request\r\n\r\nCLOSE").url()
	plain.Scheme = "https"
	if _, _, err := fetch(t, newTransport(plain, &tls.Config{}), http.MethodGet); err == nil {
		t.Error("a server without TLS is taken for one with it")
	}
}

func TestAddressIsThatOfTheURL(t *testing.T) {
	t.Parallel()
	for base, want := range map[string]string{
		"http://vis": "vis:80", "https://vis": "vis:443", "http://vis:1": "vis:1", "http://[::1]": "[::1]:80", "https://[::1]:2": "[::1]:2",
	} {
		u, _ := url.Parse(base)
		if got := newTransport(*u, &tls.Config{}).address; got != want {
			t.Errorf("%s: %s, want %s", base, got, want)
		}
	}
}

func TestWhatIsNotAPlainWayIsLeftToNetHTTP(t *testing.T) {
	const proxied = "VISORFS_TEST_PROXIED"
	hosts := map[string]bool{"http://10.0.0.1:4568": true, "https://vis.example.org": true, "http://b\u00fccher.example": false, "http://[fe80::1%25lo]:4568": false}
	for base, want := range hosts {
		u, err := url.Parse(base)
		if err != nil {
			t.Fatal(err)
		}
		_, own := newRoundTripper(*u, &tls.Config{}).(*transport)
		if own != (want && os.Getenv(proxied) == "") {
			t.Errorf("%s: own %v", base, own)
		}
	}
	if os.Getenv(proxied) != "" {
		return
	}
	again := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$") // net/http looks for proxies once
	again.Env = append(os.Environ(), proxied+"=1", "HTTP_PROXY=http://proxy.invalid:3128", "HTTPS_PROXY=http://proxy.invalid:3128", "NO_PROXY=")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("with a proxy: %v\n%s", err, out)
	}
}
