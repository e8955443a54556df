package visclient

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// The defaults of the original client.
const (
	DefaultHost = "0.0.0.0"
	DefaultPort = 4568
)

// Options configure a [Client]. The zero value of each field is its default.
type Options struct {
	URL  string // base of the service, http or https, e.g. "https://vis.example.org:4568"; overrides Host and Port
	Host string // default [DefaultHost]
	Port int    // default [DefaultPort]

	AccessKey string // who asks
	SecretKey string // signs the requests; never sent

	CAFile string // certificates (PEM) that an https server's is checked against; default the system's

	// Store is the name of the store that uploads go to, sent with each of them
	// because the original server deletes the file of a deleted image only when
	// it was. Default "file".
	Store string

	// Timeout bounds the time without an answer, retries included. Default 30s.
	Timeout time.Duration

	// MaxListBytes bounds what is read of a listing. Default 512 MiB, some 700,000 images.
	MaxListBytes int64

	UserAgent string // default "visorfs"
}

// Client is a user's access to one VIS server.
type Client struct {
	base      url.URL
	accessKey string
	signer    *signer
	store     string
	userAgent string
	timeout   time.Duration

	maxList int64

	requests roundTripper // without a body
	fresh    roundTripper // for what cannot be sent twice: a kept connection may be one that the server is closing

	server    atomic.Int32 // a serverKind
	trips     roundTrips
	counts    counts
	described describer
	posted    recentIDs
	broken    recentIDs // that a PUT of data to was broken off
}

// New returns a client. It sends nothing yet; see [Client.CheckAccess].
func New(o Options) (*Client, error) {
	base, err := baseURL(o)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base:      base,
		accessKey: o.AccessKey,
		signer:    newSigner(o.AccessKey, o.SecretKey),
		store:     o.Store,
		userAgent: o.UserAgent,
		timeout:   o.Timeout,
		maxList:   o.MaxListBytes,
	}
	if c.store == "" {
		c.store = "file"
	}
	if c.userAgent == "" {
		c.userAgent = "visorfs"
	}
	if c.timeout <= 0 {
		c.timeout = 30 * time.Second
	}
	if c.maxList <= 0 {
		c.maxList = 512 << 20
	}
	authorities, err := readAuthorities(o.CAFile)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{RootCAs: authorities, MinVersion: tls.VersionTLS12}
	c.requests = newRoundTripper(base, config)
	if t, ok := c.requests.(*transport); ok {
		t.repeats = c.counts.repeated
	}
	c.fresh = netTransport(false, config)
	return c, nil
}

func baseURL(o Options) (url.URL, error) {
	if o.URL == "" {
		host, port := o.Host, o.Port
		if host == "" {
			host = DefaultHost
		}
		if port == 0 {
			port = DefaultPort
		}
		return url.URL{Scheme: "http", Host: net.JoinHostPort(host, strconv.Itoa(port))}, nil
	}
	u, err := url.Parse(o.URL)
	switch {
	case err != nil:
		return url.URL{}, fmt.Errorf("server URL %q: %w; want http://HOST:PORT or https://HOST:PORT", withoutSecrets(o.URL), withoutURL(err))
	case u.User != nil:
		return url.URL{}, fmt.Errorf("server URL %q: VIS takes no password in it; give the access key and secret key instead", withoutSecrets(o.URL))
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return url.URL{}, fmt.Errorf("server URL %q: want http://HOST:PORT or https://HOST:PORT", withoutSecrets(o.URL))
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return url.URL{}, fmt.Errorf("server URL %q: VIS answers at the root of a host, want %s://%s", withoutSecrets(o.URL), u.Scheme, u.Host)
	}
	return url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// withoutSecrets is what of a URL, right or wrong, can be shown: not what is where
// passwords and tokens are put.
func withoutSecrets(raw string) string {
	if i := strings.LastIndexByte(raw, '@'); i >= 0 {
		raw = "…" + raw[i:]
	}
	if i := strings.IndexAny(raw, "?#"); i >= 0 {
		raw = raw[:i] + "…"
	}
	return raw
}

// readAuthorities reads a file of certificates; without one they are the system's.
func readAuthorities(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA file: %w; name a file of certificates in PEM", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("CA file %s: there is no certificate in it; want PEM", file)
	}
	return pool, nil
}

// URL returns the base of the service.
func (c *Client) URL() string { return c.base.String() }

// Host returns the host of the service, as the original client's option of that name.
func (c *Client) Host() string { return c.base.Hostname() }

// Port returns the port of the service.
func (c *Client) Port() int {
	port, err := strconv.Atoi(c.base.Port())
	if err == nil {
		return port
	}
	if c.base.Scheme == "https" {
		return 443
	}
	return 80
}

// AccessKey returns the user's access key.
func (c *Client) AccessKey() string { return c.accessKey }

// Timeout returns how long an operation goes without an answer, see [Options].
func (c *Client) Timeout() time.Duration { return c.timeout }

// CloseIdleConnections closes the connections that are kept for the next request.
func (c *Client) CloseIdleConnections() {
	c.requests.CloseIdleConnections()
}
