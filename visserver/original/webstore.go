package original

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"
)

// webTimeout bounds the search for the file at an http:// location.
const webTimeout = 30 * time.Second

// webStore is images that lie on other web servers: on this machine only, for the
// play shall not reach out into a network.
type webStore struct {
	follow *http.Client // follows redirects
	direct *http.Client // does not

	life context.Context // of the server: fetches end with it
	kill context.CancelFunc
}

func newWebStore() *webStore {
	dialer := &net.Dialer{Timeout: 2 * time.Second, Control: loopbackOnly}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, DisableCompression: true}
	w := &webStore{
		follow: &http.Client{Transport: transport, Timeout: webTimeout, CheckRedirect: fewRedirects},
		direct: &http.Client{Transport: transport, CheckRedirect: noRedirect},
	}
	w.life, w.kill = context.WithCancel(context.Background())
	return w
}

var errElsewhere = errors.New("http locations are served from loopback addresses only")

func loopbackOnly(_, address string, _ syscall.RawConn) error {
	if a, err := netip.ParseAddrPort(address); err != nil || !a.Addr().Unmap().IsLoopback() {
		return fmt.Errorf("%w: %s", errElsewhere, address)
	}
	return nil
}

func fewRedirects(_ *http.Request, via []*http.Request) error {
	if len(via) > 5 {
		return errors.New("more than 5 redirects")
	}
	return nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (w *webStore) do(client *http.Client, method, location string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(w.life, method, location, nil)
	if err != nil {
		return nil, err
	}
	return client.Do(req)
}

// webFile is what a HEAD tells of a file.
type webFile struct {
	size     any // integer, or nil if not told
	checksum string
}

// probe looks for a file with HEAD. Nothing but a 200 in the end will do.
func (w *webStore) probe(location string) (webFile, bool) {
	resp, err := w.do(w.follow, http.MethodHead, location)
	if err != nil {
		return webFile{}, false
	}
	_ = resp.Body.Close()
	f := webFile{checksum: strings.ReplaceAll(resp.Header.Get("ETag"), `"`, "")}
	if resp.ContentLength >= 0 {
		f.size = integerOf(resp.ContentLength)
	}
	return f, resp.StatusCode == http.StatusOK
}

func (w *webStore) check(location string) error {
	if _, ok := w.probe(location); !ok {
		return notFoundAt(location)
	}
	return nil
}

// stream passes on what comes; a failure on the way ended the stream as if it were
// complete.
func (w *webStore) stream(location string, to io.Writer) error {
	resp, err := w.do(w.direct, http.MethodGet, location)
	if err != nil {
		return nil
	}
	defer func() { _ = resp.Body.Close() }()
	for piece := make([]byte, 16<<10); ; {
		n, readErr := resp.Body.Read(piece)
		if _, err := to.Write(piece[:n]); err != nil {
			return err
		}
		if readErr != nil {
			return nil
		}
	}
}

func (w *webStore) save(string, string, *upload) (string, error) {
	return "", fail(unexpected, "undefined method `save' for #<Visor::Image::Store::HTTP:0x00007f358be5a0c8>")
}

func (w *webStore) remove(string) error {
	return fail(unexpected, "undefined method `delete' for #<Visor::Image::Store::HTTP:0x00007f358be5a0c8>")
}
