package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// served is a running "visorfs serve".
type served struct {
	t    *testing.T
	url  string
	stop func() (out string) // ends it; out is what it wrote after the line that it is ready
}

// serve runs the command until the test ends, or stop.
func serve(t *testing.T, args ...string) *served {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	root := newRoot()
	root.SetOut(w)
	root.SetArgs(append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, args...))
	ended := make(chan error, 1)
	go func() {
		err := root.ExecuteContext(ctx)
		_ = w.Close()
		ended <- err
	}()
	out := bufio.NewReader(r)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(<-ended)
	}
	rest := make(chan string, 1)
	go func() {
		text, _ := io.ReadAll(out)
		rest <- string(text)
	}()
	s := &served{t: t, stop: sync.OnceValue(func() string {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		return <-rest
	})}
	t.Cleanup(func() { s.stop() })
	_, s.url, _ = strings.Cut(strings.TrimSpace(line), " at ")
	return s
}

func (s *served) as(access, secret string, set ...func(*visclient.Options)) *visclient.Client {
	s.t.Helper()
	o := visclient.Options{URL: s.url, AccessKey: access, SecretKey: secret}
	for _, f := range set {
		f(&o)
	}
	client, err := visclient.New(o)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(client.CloseIdleConnections)
	return client
}

func TestServeTakesUsersOfAFile(t *testing.T) {
	isolate(t)
	t.Setenv("VISOR_ACCESS_KEY", "envoy")
	t.Setenv("VISOR_SECRET_KEY", "env")
	name := usersFile(t, "foo: bar\nalice: wonder\n", 0o600)
	s := serve(t, "--users", name)
	for _, row := range []struct {
		access, secret string
		known          bool
	}{{"foo", "bar", true}, {"alice", "wonder", true}, {"foo", "wonder", false}, {"envoy", "env", false}} {
		if err := checkAccess(t.Context(), s.as(row.access, row.secret)); (err == nil) != row.known {
			t.Errorf("%s with %s: %v", row.access, row.secret, err)
		}
	}
	s = serve(t, "--users", name, "--access-key", "bob", "--secret-key", "builder")
	for access, secret := range map[string]string{"foo": "bar", "bob": "builder"} {
		if err := checkAccess(t.Context(), s.as(access, secret)); err != nil {
			t.Error(err)
		}
	}
}

func TestServeSpeaksTLS(t *testing.T) {
	isolate(t)
	cert, key, pool := certificate(t)
	s := serve(t, "--access-key", "foo", "--secret-key", "bar", "--tls-cert", cert, "--tls-key", key)
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatalf("ready at %s", s.url)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := s.as("foo", "bar", func(o *visclient.Options) { o.CAFile = cert })
	img, err := client.PostImage(t.Context(), meta.Fields{"name": "x", "architecture": "i386"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if want := s.url + "/images/" + string(img.ID); img.URI != want {
		t.Errorf("uri %s, want %s", img.URI, want)
	}
	resp, err := (&http.Client{Transport: transport}).Get(s.url + "/status")
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || resp.ProtoMajor != 1 {
		t.Errorf("%s %s", resp.Proto, resp.Status)
	}
	old := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	if conn, err := tls.Dial("tcp", strings.TrimPrefix(s.url, "https://"), old); err == nil {
		_ = conn.Close()
		t.Error("TLS 1.1 is spoken")
	}
}

// certificate writes a certificate for 127.0.0.1, its own authority, and its key.
func certificate(t *testing.T) (cert, key string, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	cert, key = write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", keyDER)
	pool = x509.NewCertPool()
	text, err := os.ReadFile(cert)
	if err != nil || !pool.AppendCertsFromPEM(text) {
		t.Fatal(err)
	}
	return cert, key, pool
}

func TestServeWritesAnAccessLog(t *testing.T) {
	isolate(t)
	name := filepath.Join(t.TempDir(), "access.log")
	for _, log := range []string{name, name, "-"} {
		s := serve(t, "--access-key", "foo", "--secret-key", "s3cr3t", "--access-log", log)
		if err := checkAccess(t.Context(), s.as("foo", "s3cr3t")); err != nil {
			t.Fatal(err)
		}
		out := s.stop()
		if log == "-" && (strings.Count(out, "method=") != 1 || !strings.Contains(out, "user=foo")) {
			t.Errorf("standard output: %q", out)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil || strings.Count(string(text), "user=foo") != 2 || strings.Contains(string(text), "s3cr3t") {
		t.Errorf("access log, %v:\n%s", err, text)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestServeObeysItsLimits(t *testing.T) {
	isolate(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "x.iso")
	if err := os.WriteFile(file, []byte("0123456789"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "--access-key", "foo", "--secret-key", "bar", "--max-image-size", "5B", "--allow-location", "file://"+dir)
	fields := func(more ...string) meta.Fields {
		f := meta.Fields{"name": "x", "architecture": "i386"}
		for i := 0; i < len(more); i += 2 {
			f[more[i]] = more[i+1]
		}
		return f
	}
	client := s.as("foo", "bar")
	post := func(text string) error {
		_, err := client.PostImage(t.Context(), fields(), strings.NewReader(text))
		return err
	}
	if err := post("01234"); err != nil {
		t.Error(err)
	}
	if err := post("012345"); err == nil || !strings.Contains(err.Error(), "at most 5 bytes") {
		t.Errorf("6 bytes: %v", err)
	}
	req, err := http.NewRequest("GET", s.url+"/status", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("x-image-meta-x", strings.Repeat("x", 100<<10))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("100 KiB of headers: %s", resp.Status)
	}
	if img, err := client.PostImage(t.Context(), fields("location", "file://"+file), nil); err != nil || img.Size != 10 {
		t.Errorf("%+v, %v", img, err)
	}
}

func TestServeFlagsThatMakeNoSense(t *testing.T) {
	isolate(t)
	t.Setenv("VISOR_ACCESS_KEY", "foo")
	t.Setenv("VISOR_SECRET_KEY", "s3cr3t")
	users := usersFile(t, "foo: s3cr3t\n", 0o600)
	nobody := filepath.Join(t.TempDir(), "nosuch.pem")
	for want, row := range map[string]struct {
		code int
		args []string
	}{
		"--tls-cert and --tls-key go together": {exitUsage, []string{"--tls-cert", "x"}},
		"go together: give both":               {exitUsage, []string{"--tls-key", "x"}},
		"--date-skew -1s":                      {exitUsage, []string{"--date-skew", "-1s"}},
		"--max-uploads 0":                      {exitUsage, []string{"--max-uploads", "0"}},
		"--max-image-size":                     {exitUsage, []string{"--max-image-size", "much"}},
		"--date-skew: the server that --like":  {exitUsage, []string{"--like-original", "--date-skew", "1m"}},
		"is in --users":                        {exitUsage, []string{"--users", users, "--access-key", "foo"}},
		"--tls-cert " + nobody:                 {exitFailure, []string{"--tls-cert", nobody, "--tls-key", nobody}},
		"chmod 600":                            {exitFailure, []string{"--users", usersFile(t, "foo: s3cr3t\n", 0o644)}},
		"file:///srv/images":                   {exitUsage, []string{"--allow-location", "/tmp"}},
		"--access-log":                         {exitFailure, []string{"--access-log", nobody + "/log"}},
	} {
		code, stderr := runCaptured(t, append([]string{"serve", "--listen", "127.0.0.1:0", "--data", t.TempDir()}, row.args...)...)
		if code != row.code || !strings.Contains(stderr, want) || strings.Contains(stderr, "s3cr3t") || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: %d %q, want %d with %q", row.args, code, stderr, row.code, want)
		}
	}
}

func TestServeTakesAnyDateIfAsked(t *testing.T) {
	isolate(t)
	const odd = "Tue, 24 Nov 2009 03:58:41 GMT"
	mac := hmac.New(sha1.New, []byte("bar"))
	mac.Write([]byte("GET\n\n\n" + odd + "\n/images"))
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for skew, want := range map[string]int{"0": 404, "1h": 403} { // 404: no images
		s := serve(t, "--access-key", "foo", "--secret-key", "bar", "--date-skew", skew)
		req, err := http.NewRequest("GET", s.url+"/images", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Date", odd)
		req.Header.Set("Authorization", "VISOR foo:"+signature)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("--date-skew %s: %s, want %d", skew, resp.Status, want)
		}
	}
}

func TestServeEndsUploadsThatOutlastTheGrace(t *testing.T) {
	data := t.TempDir()
	s, err := startServer("127.0.0.1:0", openVIS(visserver.Options{
		Dir: data, Users: map[string]string{"foo": "bar"}, Logger: slog.New(slog.DiscardHandler),
	}))
	if err != nil {
		t.Fatal(err)
	}
	client, err := visclient.New(visclient.Options{URL: s.url, AccessKey: "foo", SecretKey: "bar"})
	if err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := client.PostImage(context.Background(), meta.Fields{"name": "x", "architecture": "i386"}, r)
		done <- err
	}()
	if _, err := io.WriteString(w, "some"); err != nil {
		t.Fatal(err)
	}
	left := func() []string {
		names, err := filepath.Glob(filepath.Join(data, "i*", "*"))
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	for deadline := time.Now().Add(5 * time.Second); len(left()) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the upload never began")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	if got := left(); len(got) > 0 { // at once: the program may end now
		t.Errorf("files left: %v", got)
	}
	_ = w.Close()
	if err := <-done; err == nil {
		t.Error("the upload that was cut off succeeded")
	}
}
