package visclient_test

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

func TestHTTPSWithACAFile(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(vis(t, visserver.Options{}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, certificate, 0o600); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s.URL, func(o *visclient.Options) { o.CAFile = file })
	img := post(t, c, fields("x"), "data")
	body, err := c.GetImage(t.Context(), img.ID, visclient.Range{Offset: 1, Length: 2})
	if got := read(t, body, err); got != "at" {
		t.Errorf("read %q", got)
	}
	if err := dial(t, s.URL).CheckAccess(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of an unknown authority: %v", err)
	}
}

func TestWrongCAFileIsSaidToBe(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{empty, empty + ".missing"} {
		if _, err := visclient.New(visclient.Options{CAFile: file}); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}
