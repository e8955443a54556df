//go:build linux

package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// hushFile makes a file with the key that nobody may see.
func hushFile(t *testing.T) string {
	t.Helper()
	name := newFile(t, "key", []byte(hush+"\n"))
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// wantHush demands that no text has the secret key, or a part of it that tells it.
func wantHush(t *testing.T, what string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if i := strings.Index(text, hush); i >= 0 {
			t.Errorf("%s shows the secret key: …%s", what, text[max(0, i-200):i])
		}
	}
}

// TestSecretKeyNeverShows uses a key in all the ways in which it can be given, in the
// loudest modes, and with every kind of failure.
func TestSecretKeyNeverShows(t *testing.T) {
	t.Parallel()
	env := []string{"VISOR_ACCESS_KEY=foo", "VISOR_SECRET_KEY=" + hush}
	fileEnv := []string{"VISOR_ACCESS_KEY=foo", "VISORFS_SECRET_KEY_FILE=" + hushFile(t)}
	s := start(t, launch{env: fileEnv}, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--debug")
	_, url, _ := strings.Cut(s.ready(), " at ")
	server := &server{t: t, program: s, url: url}
	p := startProxy(t, server)
	config := newConfig(t, fmt.Sprintf("visor_image:\n  access_key: foo\n  secret_key: %s\n", hush))

	for name, l := range map[string]launch{"environment": {env: env}, "key file": {env: fileEnv}, "configuration file": {env: []string{}, dir: config}} {
		for _, format := range []string{"text", "json"} {
			m := launchMount(t, l, "mount", "--url", p.url, "--debug", "--debug-fuse", "--log-format", format, "--timeout", "1s")
			m.allowLog(`level=(WARN|ERROR)|"level":"(WARN|ERROR)"`)
			tool(t, "cp", newFile(t, "a.iso", random(1, 1000)), m.dir)
			tool(t, "getfattr", "-d", m.path("a.iso"))
			wantHush(t, name+", /proc", processText(t, m.cmd.Process.Pid)...)
			p.setFault(always(fault{status: http.StatusInternalServerError}))
			_ = try(t, "rm", m.path("a.iso"))
			p.setFault(nil)
			_, _ = os.Create(m.path("bad\x01"))
			tool(t, "rm", "-f", m.path("a.iso"))
			m.stop()
			wantHush(t, name+", "+format, m.stdout.String(), m.stderr.String())
			if !strings.Contains(m.stderr.String(), "LOOKUP") {
				t.Errorf("%s: --debug-fuse shows no requests", name)
			}
		}
		for _, args := range [][]string{
			{"config"}, {"config", "--json"}, {"mount", "--help"},
			{"image", "list", "--url", p.url},
			{"image", "list", "--url", nowhere(t)},
			{"image", "list", "--url", p.url, "--access-key", "stranger"},
			{"image", "delete", "--url", p.url, "none"},
		} {
			r := invoke(t, l, args...)
			wantHush(t, name+", "+strings.Join(args, " "), r.stdout, r.stderr)
			if args[0] == "config" && (r.code != 0 || !strings.Contains(r.stdout, "secret-key")) {
				t.Errorf("%s, config: exit code %d, %s%s", name, r.code, r.stdout, r.stderr)
			}
		}
	}
	wantHush(t, "SIGQUIT", stacks(t, launch{env: fileEnv}))
	s.stop()
	wantHush(t, "serve", s.stdout.String(), s.stderr.String())
}

// stacks returns what Go prints of a server's goroutines.
func stacks(t *testing.T, l launch) string {
	t.Helper()
	cmd := l.command(t, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	var stdout, stderr output
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it serves", func() bool { return strings.Contains(stdout.String(), "serving") })
	_ = cmd.Process.Signal(syscall.SIGQUIT)
	_ = cmd.Wait()
	if !strings.Contains(stderr.String(), "goroutine ") {
		t.Errorf("no stacks: %s", stderr.String())
	}
	return stderr.String()
}

// processText is what other users see of a process and of its children, and how the mount
// is listed.
func processText(t *testing.T, pid int) []string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{string(mounts)}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	pids := []string{fmt.Sprint(pid)}
	for _, name := range children {
		text, _ := os.ReadFile(name)
		pids = append(pids, strings.Fields(string(text))...)
	}
	for _, pid := range slices.Compact(pids) {
		text, err := os.ReadFile("/proc/" + pid + "/cmdline")
		if err != nil {
			t.Error(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}
