//go:build linux

package integration

import (
	"crypto/x509"
	"os"
	"strings"
	"testing"
)

func TestWrongServeIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	certs := t.TempDir()
	newCertificate(t, certs, "a", func(*x509.Certificate) {})
	newCertificate(t, certs, "b", func(*x509.Certificate) {})
	users := func(text string) map[string]string { return map[string]string{"users": text} }
	const serve = "serve --listen 127.0.0.1:0 --data $DIR/data "
	refuseAll(t, []wrong{
		{name: "port in use", args: "serve --listen $BUSY --data $DIR/data", code: 1, says: []string{"$BUSY is in use", "--listen"}},
		{name: "port in use, of a demo", args: "demo --listen $BUSY $MNT", code: 1, says: []string{"$BUSY is in use", "--listen"}},
		{name: "address that is none", args: "serve --listen nonsense --data $DIR/data", code: 1, says: []string{"--listen nonsense", "HOST:PORT"}},
		{name: "port that is none", args: "serve --listen 127.0.0.1:99999 --data $DIR/data", code: 1, says: []string{"--listen 127.0.0.1:99999", "invalid port", "HOST:PORT"}},
		{name: "address of another machine", args: "serve --listen 192.0.2.1:80 --data $DIR/data", code: 1, says: []string{"--listen 192.0.2.1:80", "HOST:PORT"}},
		{name: "data in use", args: "serve --listen 127.0.0.1:0 --data $DATA", code: 1, says: []string{"$DATA", "in use by another server", "--data"}},
		{name: "data that are a file", args: "serve --listen 127.0.0.1:0 --data $DIR/file", file: map[string]string{"file": "x"}, code: 1, says: []string{"$DIR/file", "not a directory", "--data"}},
		{name: "data of a demo that are a file", args: "demo --data $DIR/file $MNT", file: map[string]string{"file": "x"}, code: 1, says: []string{"$DIR/file", "not a directory", "--data"}},
		{name: "no keys", args: serve, env: "NONE=x", code: 2, says: []string{"no access key", "VISOR_ACCESS_KEY"}},
		{name: "users are missing", args: serve + "--users $DIR/none", code: 1, says: []string{"--users", "$DIR/none", "no such file", "access key: secret key"}},
		{name: "users that others can read", args: serve + "--users $DIR/users", file: map[string]string{"users:0644": "foo: " + hush}, code: 1, says: []string{"--users", "0644", "chmod 600"}},
		{name: "users that are a directory", args: serve + "--users $DIR/users", dirs: "users", code: 1, says: []string{"--users", "it is a directory"}},
		{name: "no users", args: serve + "--users $DIR/users", file: users("# none\n"), code: 1, says: []string{"--users", "no users in it", "access key: secret key"}},
		{name: "user that is there twice", args: serve + "--users $DIR/users", file: users("foo: bar\nfoo: " + hush), code: 1, says: []string{"--users", "line 2", "twice"}},
		{name: "users that are no YAML", args: serve + "--users $DIR/users", file: users("foo: @" + hush), code: 1, says: []string{"--users", "line", "quotes"}},
		{name: "user that the file has as well", args: serve + "--users $DIR/users --access-key foo", file: users("foo: bar"), code: 2, says: []string{"--access-key foo", "leave out one"}},
		{name: "certificate without a key", args: serve + "--tls-cert $CERTS/a.pem", code: 2, says: []string{"--tls-cert and --tls-key", "give both"}},
		{name: "key of another certificate", args: serve + "--tls-cert $CERTS/a.pem --tls-key $CERTS/b.key", code: 1, says: []string{"--tls-cert", "--tls-key", "does not match"}},
		{name: "certificate is missing", args: serve + "--tls-cert $DIR/none --tls-key $CERTS/b.key", code: 1, says: []string{"--tls-cert", "$DIR/none", "no such file"}},
		{name: "certificate that is a key", args: serve + "--tls-cert $CERTS/a.key --tls-key $CERTS/a.key", code: 1, says: []string{"--tls-cert", "private key", "may have been switched"}},
		{name: "access log in a missing directory", args: serve + "--access-log $DIR/none/log", code: 1, says: []string{"--access-log", "mkdir -p $DIR/none"}},
		{name: "log in a missing directory", args: serve + "--log-file $DIR/none/log", code: 1, says: []string{"--log-file", "mkdir -p $DIR/none"}},
		{name: "log that cannot be written", args: serve + "--log-file $DIR/log", as: "nobody", code: 1, says: []string{"--log-file $DIR/log", "permission denied", "that you may write"}},
		{name: "no uploads", args: serve + "--max-uploads 0", code: 2, says: []string{"--max-uploads 0", "1 or more"}},
		{name: "negative skew", args: serve + "--date-skew -1s", code: 2, says: []string{"--date-skew -1s", "0 or more"}},
		{name: "size", args: serve + "--max-image-size lots", code: 2, says: []string{"--max-image-size", "like 256MiB"}},
		{name: "location of another protocol", args: serve + "--allow-location http://x", code: 2, says: []string{"http://x", "file:///"}},
		{name: "what the original did not have", args: serve + "--like-original --max-uploads 3", code: 2, says: []string{"--max-uploads", "--like-original", "leave out one"}},
	}, "$BUSY", strings.TrimPrefix(s.url, "http://"), "$DATA", s.data, "$CERTS", certs)
	t.Cleanup(s.wantEmpty)
}

// chown gives a directory to the user nobody.
func chown(t *testing.T, dir string) {
	t.Helper()
	needRoot(t)
	const nobody = 65534
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
}
