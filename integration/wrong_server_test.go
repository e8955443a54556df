//go:build linux

package integration

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestServerThatCannotBeUsedIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	web := serveWeb(t, nil, http.NotFound)
	login := serveWeb(t, nil, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://login.example.org/", http.StatusFound)
	})
	page := serveWeb(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "<html>Welcome to nginx!</html>")
	})
	broken := serveWeb(t, nil, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "boom", http.StatusInternalServerError) })
	silent := serveWeb(t, nil, func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	late := serveWeb(t, nil, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat))
		w.Header().Set("X-Error-Message", "The request's Date is 1h0m0s ahead of the server's clock; set the clock")
		w.WriteHeader(http.StatusForbidden)
	})
	refuseAll(t, []wrong{
		{name: "not there", args: "mount --url $NOWHERE $MNT", code: 1, says: []string{"nothing listens at $NOWHERE", "start the server", "--url"}},
		{name: "not there, for image", args: "image list --url $NOWHERE", code: 1, says: []string{"nothing listens at $NOWHERE", "--url"}},
		{name: "not there, of the defaults", args: "mount --timeout 1s $MNT", code: 1, says: []string{"http://0.0.0.0:4568", "--host"}},
		{name: "name that nobody has", args: "mount --url http://nowhere.invalid --timeout 2s $MNT", code: 1, says: []string{"nowhere.invalid", "check the name in --url"}},
		{name: "secret key", args: "mount --url $VIS $MNT", code: 1, says: []string{"$VIS refuses the access key \"foo\"", "403", "signatures do not match", "--secret-key"}},
		{name: "access key", args: "mount --url $VIS --access-key stranger $MNT", code: 1, says: []string{"refuses the access key \"stranger\"", "No user found", "--access-key", "VISOR_ACCESS_KEY"}},
		{name: "keys, for image", args: "image list --url $VIS", code: 1, says: []string{"$VIS refuses the access key", "--secret-key"}},
		{name: "another web server", args: "mount --url $WEB $MNT", code: 1, says: []string{"$WEB is not a VIS server", "404", "--url"}},
		{name: "a web page", args: "mount --url $PAGE $MNT", code: 1, says: []string{"$PAGE is not a VIS server", "--url"}},
		{name: "a login page", args: "mount --url $LOGIN $MNT", code: 1, says: []string{"$LOGIN", "302", "login.example.org", "--url"}},
		{name: "broken", args: "mount --url $BROKEN $MNT", code: 1, says: []string{"$BROKEN", "500"}},
		{name: "silent", args: "mount --url $SILENT --timeout 1s $MNT", code: 1, says: []string{"$SILENT", "no answer in time"}},
		{name: "clocks differ", args: "mount --url $LATE $MNT", code: 1, says: []string{"$LATE", "the clocks differ", "ahead of the server's; set the clock"}},
	}, "$NOWHERE", nowhere(t), "$VIS", s.url, "$WEB", web, "$PAGE", page, "$LOGIN", login, "$BROKEN", broken, "$SILENT", silent, "$LATE", late)
	t.Cleanup(func() {
		if r := s.data; len(s.images()) != 0 {
			t.Errorf("there are images in %s", r)
		}
	})
}

func TestWrongTLSIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	valid := newCertificate(t, dir, "valid", func(*x509.Certificate) {})
	expired := newCertificate(t, dir, "expired", func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	other := newCertificate(t, dir, "other", func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"vis.example.org"} })
	plain := serveWeb(t, nil, http.NotFound)
	secure := serveWeb(t, &valid, http.NotFound)
	refuseAll(t, []wrong{
		{name: "unknown authority", args: "mount --url $SECURE $MNT", code: 1, says: []string{"$SECURE", "unknown authority", "--ca-file"}},
		{name: "authority of another", args: "mount --url $SECURE --ca-file $CERTS/other.pem $MNT", code: 1, says: []string{"$SECURE", "unknown authority", "--ca-file"}},
		{name: "expired", args: "mount --url $EXPIRED --ca-file $CERTS/expired.pem $MNT", code: 1, says: []string{"$EXPIRED", "expired", "renewed", "clock"}},
		{name: "another name", args: "mount --url $OTHER --ca-file $CERTS/other.pem $MNT", code: 1, says: []string{"$OTHER", "127.0.0.1", "use the name in --url"}},
		{name: "https to plain http", args: "mount --url https://$PLAIN $MNT", code: 1, says: []string{"https://$PLAIN", "speaks http, not https", "use --url http://$PLAIN"}},
		{name: "plain http to https", args: "mount --url http://$TLSHOST $MNT", code: 1, says: []string{"http://$TLSHOST", "400", "use --url https://$TLSHOST"}},
	}, "$SECURE", secure, "$EXPIRED", serveWeb(t, &expired, http.NotFound), "$OTHER", serveWeb(t, &other, http.NotFound),
		"$CERTS", dir, "$PLAIN", strings.TrimPrefix(plain, "http://"), "$TLSHOST", strings.TrimPrefix(secure, "https://"))
}

// serveWeb starts a server that is no VIS, with TLS if there is a certificate.
func serveWeb(t *testing.T, certificate *tls.Certificate, answer http.HandlerFunc) (url string) {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	if certificate == nil {
		server.Start()
	} else {
		server.TLS = &tls.Config{Certificates: []tls.Certificate{*certificate}}
		server.StartTLS()
	}
	t.Cleanup(server.Close)
	return server.URL
}

// nowhere returns a URL at which nothing listens.
func nowhere(t *testing.T) (url string) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = free.Close() }()
	return "http://" + free.Addr().String()
}

// newCertificate makes a certificate for 127.0.0.1 that is its own authority, and writes
// it to a file NAME.pem, its key to NAME.key.
func newCertificate(t *testing.T, dir, name string, change func(*x509.Certificate)) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-24 * time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:         true, BasicConstraintsValid: true,
	}
	change(template)
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for suffix, block := range map[string]*pem.Block{".pem": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(filepath.Join(dir, name+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
