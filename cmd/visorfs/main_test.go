package main

import (
	"context"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// runCaptured runs the program and returns what it wrote to standard error.
func runCaptured(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stderr")
	file, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	real := os.Stderr
	os.Stderr = file
	defer func() { os.Stderr = real }()
	code = run(args)
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return code, string(text)
}

func TestWrongCommandLineEndsWith2(t *testing.T) {
	isolate(t)
	t.Setenv("VISOR_ACCESS_KEY", "foo")
	t.Setenv("VISOR_SECRET_KEY", "s3cr3t")
	dir := t.TempDir()
	for want, args := range map[string][]string{
		"frobnicate":            {"frobnicate"},
		"mnt":                   {"mnt"},
		"MOUNTPOINT is missing": {"mount"},
		"2 arguments":           {"mount", dir, dir},
		"--bogus":               {"mount", "--bogus", dir},
		"--timeout":             {"mount", "--timeout", "long", dir},
		"--memory":              {"mount", "--memory", "much", dir},
		"-o nonsense":           {"mount", "-o", "nonsense", dir},
		"--host":                {"mount", "--url", "http://a", "--host", "b", dir},
		"\"x\"":                 {"serve", "x"},
		"demo":                  {"demo"},
	} {
		code, stderr := runCaptured(t, args...)
		if code != exitUsage || !strings.HasPrefix(stderr, "visorfs: ") || !strings.Contains(stderr, want) || strings.Contains(stderr, "s3cr3t") {
			t.Errorf("visorfs %s: %d %q, want %d with %q", strings.Join(args, " "), code, stderr, exitUsage, want)
		}
		if strings.Count(stderr, "\n") != 1 {
			t.Errorf("visorfs %s writes more than a line: %q", strings.Join(args, " "), stderr)
		}
	}
}

func TestMissingKeysEndWith2(t *testing.T) {
	isolate(t)
	for _, args := range [][]string{{"mount", t.TempDir()}, {"serve", "--data", t.TempDir()}} {
		if code, stderr := runCaptured(t, args...); code != exitUsage || !strings.Contains(stderr, "no access key") {
			t.Errorf("%q: %d %q", args, code, stderr)
		}
	}
}

func TestFailureEndsWith1(t *testing.T) {
	isolate(t)
	t.Setenv("VISOR_ACCESS_KEY", "foo")
	t.Setenv("VISOR_SECRET_KEY", "s3cr3t")
	missing := filepath.Join(t.TempDir(), "missing")
	for want, args := range map[string][]string{
		"nothing listens": {"mount", "--url", "http://127.0.0.1:1", t.TempDir()},
		missing:           {"mount", "--url", "http://127.0.0.1:1", missing},
		"--listen":        {"serve", "--listen", "nowhere.invalid:x", "--data", t.TempDir()},
	} {
		code, stderr := runCaptured(t, args...)
		if code != exitFailure || !strings.Contains(stderr, want) || strings.Contains(stderr, "s3cr3t") {
			t.Errorf("%q: %d %q, want %d with %q", args, code, stderr, exitFailure, want)
		}
	}
}

func TestNoSecretOfAURLIsPrinted(t *testing.T) {
	isolate(t)
	t.Setenv("VISOR_ACCESS_KEY", "foo")
	t.Setenv("VISOR_SECRET_KEY", "bar")
	for _, url := range []string{"http://foo:s3cr3t@host:4568", "http://foo:s3cr3t@host:port", "foo:s3cr3t@host"} {
		code, stderr := runCaptured(t, "mount", "--url", url, t.TempDir())
		if code == 0 || strings.Contains(stderr, "s3cr3t") {
			t.Errorf("--url %s: %d %q", url, code, stderr)
		}
	}
}

func TestHelpAndVersionSucceed(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"--version"}, {"mount", "--help"}, {"serve", "--help"}, {"demo", "--help"}} {
		root := newRoot()
		var out strings.Builder
		root.SetOut(&out)
		root.SetArgs(args)
		if err := root.Execute(); err != nil || out.Len() == 0 {
			t.Errorf("%q: %v, %q", args, err, out.String())
		}
	}
}

func TestHelpShowsNoSecretOfTheEnvironment(t *testing.T) {
	isolate(t)
	t.Setenv("VISOR_SECRET_KEY", "s3cr3t")
	for _, name := range []string{"mount", "serve", "demo"} {
		root := newRoot()
		var out strings.Builder
		root.SetOut(&out)
		root.SetArgs([]string{name, "--help"})
		if err := root.Execute(); err != nil || strings.Contains(out.String(), "s3cr3t") {
			t.Errorf("%s: %v, %q", name, err, out.String())
		}
	}
}

func TestRefusedAccessSaysWhatToDo(t *testing.T) {
	vis, err := visserver.New(visserver.Options{Dir: t.TempDir(), Users: map[string]string{"foo": "bar"}})
	if err != nil {
		t.Fatal(err)
	}
	defer vis.Close()
	s := httptest.NewServer(vis)
	defer s.Close()
	for _, row := range []struct{ url, secret, want string }{
		{s.URL, "bar", ""},
		{s.URL, "s3cr3t", "--secret-key"},
		{"http://127.0.0.1:1", "s3cr3t", "--url"},
	} {
		client, err := visclient.New(visclient.Options{URL: row.url, AccessKey: "foo", SecretKey: row.secret})
		if err != nil {
			t.Fatal(err)
		}
		err = checkAccess(context.Background(), client)
		if row.want == "" {
			if err != nil {
				t.Errorf("%s: %v", row.url, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), row.url) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v, want %q", row.url, err, row.want)
		}
	}
}

func TestAddressInUseIsSaidToBe(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = startServer(l.Addr().String(), openVIS(visserver.Options{
		Dir: t.TempDir(), Users: map[string]string{"foo": "bar"}, Logger: slog.New(slog.DiscardHandler),
	}))
	if err == nil || !strings.Contains(err.Error(), l.Addr().String()) || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("%v", err)
	}
}

func TestServerServesUntilStopped(t *testing.T) {
	s, err := startServer("127.0.0.1:0", openVIS(visserver.Options{
		Dir: t.TempDir(), Users: map[string]string{"foo": "bar"}, Logger: slog.New(slog.DiscardHandler),
	}))
	if err != nil {
		t.Fatal(err)
	}
	client, err := visclient.New(visclient.Options{URL: s.url, AccessKey: "foo", SecretKey: "bar"})
	if err != nil {
		t.Fatal(err)
	}
	if err := checkAccess(t.Context(), client); err != nil {
		t.Error(err)
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
	if err := checkAccess(t.Context(), client); err == nil {
		t.Error("it answers after it was stopped")
	}
}

func TestDemoDirectoryIsRemovedUnlessItWasAskedFor(t *testing.T) {
	dir, cleanup, err := demoDir("")
	if err != nil {
		t.Fatal(err)
	}
	cleanup()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s: %v", dir, err)
	}
	kept := t.TempDir()
	if dir, cleanup, err = demoDir(kept); err != nil || dir != kept {
		t.Fatal(dir, err)
	}
	cleanup()
	if _, err := os.Stat(kept); err != nil {
		t.Error(err)
	}
}
