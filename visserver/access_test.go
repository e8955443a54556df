package visserver_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

func TestAccessLogHasALinePerRequestAndNoSecrets(t *testing.T) {
	var access, log bytes.Buffer
	v := start(t, visserver.Options{
		AccessLog: slog.New(slog.NewTextHandler(&access, nil)),
		Logger:    slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	img := v.post("x", digits)
	r := v.prepare(request{user: "alice", method: "GET", path: img.path() + "?token=s3cr3t"})
	v.send(r)
	v.unsigned("GET", "/images", "VISOR foo:"+users["foo"])
	v.http.Close() // the log is complete now
	lines := strings.Split(strings.TrimSpace(access.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines of 3 requests:\n%s", len(lines), access.String())
	}
	for i, words := range [][]string{
		{"level=INFO", "method=POST", "path=/images", "status=200", "user=foo"},
		{"method=GET", "path=" + img.path() + " ", "status=200", "bytes=10", "user=alice", "remote=127.0.0.1:", "duration="},
		{"method=GET", "path=/images", "status=403", `user=""`},
	} {
		for _, word := range words {
			if !strings.Contains(lines[i], word) {
				t.Errorf("no %s in %s", word, lines[i])
			}
		}
	}
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), ":")
	for _, secret := range []string{signature, "s3cr3t", users["foo"], users["alice"]} {
		if strings.Contains(access.String()+log.String(), secret) {
			t.Errorf("%q in the logs:\n%s%s", secret, access.String(), log.String())
		}
	}
	if strings.Contains(log.String(), "method=") {
		t.Errorf("requests in the other log as well:\n%s", log.String())
	}
}
