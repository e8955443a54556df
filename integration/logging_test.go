//go:build linux

package integration

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestFailedOperationIsOneLineOfTheLogThatSaysAll(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	id := s.post("dir/a.img", random(130, 100_000), nil)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--log-format", "json", "--timeout", "1s")
	names(t, m.path("dir"))
	p.setFault(always(fault{status: http.StatusForbidden}))
	wantFailure(t, "Permission denied", "cat", m.path("dir/a.img"))
	var found []map[string]any
	for line := range strings.Lines(m.stderr.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("a line that is not JSON: %v: %s", err, line)
		}
		if record["level"] != "INFO" {
			found = append(found, record)
		}
	}
	if len(found) == 0 {
		t.Fatalf("nothing of it in the log: %s", m.stderr.String())
	}
	for _, record := range found {
		msg, _ := record["msg"].(string)
		operation, rest, _ := strings.Cut(msg, ": ")
		if operation != "read" && operation != "open" || !strings.Contains(rest, "refused by the proxy") {
			t.Errorf("operation and the server's message are %q", msg)
		}
		if record["path"] != "/dir/a.img" || record["id"] != id || record["status"] != 403.0 || record["errno"] != "permission denied" {
			t.Errorf("%v", record)
		}
	}
}

func TestLogFileIsOpenedAnewAtSIGHUP(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := t.TempDir()
	name := filepath.Join(dir, "visorfs.log")
	if err := os.WriteFile(name, []byte("earlier\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s.post("a.img", random(132, 5000), nil)
	m := startMount(t, s.url, "--log-file", name)
	tool(t, "cat", m.path("a.img"))
	_, _ = os.Create(m.path("bad\x01"))
	wantLog(t, name, "earlier\n", "level=WARN")
	if err := os.Rename(name, name+".1"); err != nil {
		t.Fatal(err)
	}
	m.signal(syscall.SIGHUP)
	eventually(t, "there is a new log file", func() bool { _, err := os.Stat(name); return err == nil })
	_, _ = os.Create(m.path("worse\x01"))
	wantLog(t, name, "worse")
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v: others can read who read what", info.Mode(), err)
	}
	m.stop()
	wantLog(t, name, "bytes read")
	if old := readLog(t, name+".1"); strings.Contains(old, "worse") || strings.Contains(old, "bytes read") {
		t.Errorf("the old file goes on: %s", old)
	}
	if text := m.stderr.String(); text != "" {
		t.Errorf("on standard error: %s", text)
	}
}

func TestLogFileSaysWhyAMountDidNotComeAbout(t *testing.T) {
	t.Parallel()
	name := filepath.Join(t.TempDir(), "log")
	wantRefusal(t, invoke(t, launch{}, "mount", "--url", nowhere(t), "--log-file", name, newMountpoint(t)), 1, "nothing listens")
	wantLog(t, name, "level=ERROR", "nothing listens")
}

func readLog(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func wantLog(t *testing.T, name string, words ...string) {
	t.Helper()
	text := readLog(t, name)
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s has no %q: %s", name, word, text)
		}
	}
}

func TestLevelOfTheLog(t *testing.T) {
	t.Parallel()
	for args, words := range map[string]string{
		"--log-level debug": "level=DEBUG level=INFO level=WARN",
		"--debug":           "level=DEBUG level=INFO level=WARN",
		"--log-level info":  "level=INFO level=WARN",
		"":                  "level=INFO level=WARN",
		"--log-level warn":  "level=WARN",
		"--log-level error": "",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			demo := launchMount(t, launch{env: []string{}}, append([]string{"demo"}, strings.Fields(args)...)...)
			demo.allowLog("level=WARN")
			tool(t, "cp", newFile(t, "a.img", random(131, 5000)), demo.dir)
			tool(t, "cat", demo.path("a.img"))
			_, _ = os.Create(demo.path("bad\x01"))
			demo.stop()
			for _, level := range []string{"level=DEBUG", "level=INFO", "level=WARN"} {
				if got, want := strings.Contains(demo.stderr.String(), level), strings.Contains(words, level); got != want {
					t.Errorf("%s is there: %t, want %t: %s", level, got, want, demo.stderr.String())
				}
			}
		})
	}
}

// TestJournalGetsPrioritiesAndNoTimes has a file play the stream to the journal.
func TestJournalGetsPrioritiesAndNoTimes(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.post("a.img", random(133, 5000), nil)
	stream, err := os.Create(filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close() }()
	var stat syscall.Stat_t
	if err := syscall.Fstat(int(stream.Fd()), &stat); err != nil {
		t.Fatal(err)
	}
	env := []string{"VISOR_ACCESS_KEY=" + accessKey, "VISOR_SECRET_KEY=" + secretKey, fmt.Sprintf("JOURNAL_STREAM=%d:%d", stat.Dev, stat.Ino)}
	dir := newMountpoint(t)
	cmd := launch{env: env}.command(t, "mount", "--url", s.url, "--debug", dir)
	cmd.Stderr = stream
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is mounted", func() bool { return isMounted(t, dir) })
	tool(t, "cat", filepath.Join(dir, "a.img"))
	_, _ = os.Create(filepath.Join(dir, "bad\x01"))
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	cmd = launch{env: env}.command(t, "mount", "--url", s.url, filepath.Join(dir, "none"))
	cmd.Stderr = stream
	if cmd.Run() == nil {
		t.Error("it mounted on nothing")
	}
	text := readLog(t, stream.Name())
	for _, word := range []string{"<4>level=WARN msg=\"create: ", "<6>level=INFO msg=\"bytes read\"", "<3>visorfs: "} {
		if !strings.Contains(text, word) {
			t.Errorf("no %s in: %s", word, text)
		}
	}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "<") || strings.Contains(line, "time=") {
			t.Errorf("a line for the journal: %s", line)
		}
	}

	elsewhere := launchMount(t, launch{env: env}, "mount", "--url", s.url) // its stderr is none
	tool(t, "cat", elsewhere.path("a.img"))
	elsewhere.stop()
	if text := elsewhere.stderr.String(); strings.Contains(text, "<") || !strings.Contains(text, "time="+time.Now().Format("2006")) {
		t.Errorf("not for the journal: %s", text)
	}
}
