//go:build linux

package integration

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// listener is a systemd that hears what a service tells it.
type listener struct {
	path string
	said output
}

func listen(t *testing.T) *listener {
	t.Helper()
	l := &listener{path: filepath.Join(newMountpoint(t), "notify")}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: l.path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); _ = os.Remove(l.path) })
	go func() {
		for message := make([]byte, 4096); ; {
			n, err := conn.Read(message)
			if err != nil {
				return
			}
			_, _ = l.said.Write(append(message[:n:n], '\n'))
		}
	}()
	return l
}

func (l *listener) hears(t *testing.T, what string) {
	t.Helper()
	eventually(t, "systemd hears "+what+", not only "+l.said.String(), func() bool { return strings.Contains(l.said.String(), what) })
}

func TestSystemdIsToldHowTheMountIs(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	l := listen(t)
	m := launchMount(t, launch{env: append(testKeys(), "NOTIFY_SOCKET="+l.path)}, "mount", "--url", s.url)
	l.hears(t, "READY=1\n")
	l.hears(t, "STATUS="+m.dir+": no file is being uploaded\n")
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(330, 2<<20)); err != nil {
		t.Fatal(err)
	}
	l.hears(t, ": 1 file is being uploaded, 2.0 MiB so far\n")
	m.signal(syscall.SIGTERM)
	l.hears(t, "STOPPING=1\n")
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if code := m.exit(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

func TestSystemdHearsNothingBeforeItIsMounted(t *testing.T) {
	t.Parallel()
	l := listen(t)
	r := invoke(t, launch{env: append(testKeys(), "NOTIFY_SOCKET="+l.path)}, "mount", "--url", "http://127.0.0.1:9", newMountpoint(t))
	if r.code != 1 || l.said.String() != "" {
		t.Errorf("exit code %d, and it said %q", r.code, l.said.String())
	}
}

func TestSystemdUnderstandsTheUnit(t *testing.T) {
	t.Parallel()
	unit, err := os.ReadFile("../packaging/systemd/visorfs@.service")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(unit), "/usr/bin/visorfs", visorfs)
	if text == string(unit) {
		t.Fatal("it does not run /usr/bin/visorfs")
	}
	path := filepath.Join(t.TempDir(), "visorfs@images.service")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := try(t, "systemd-analyze", "verify", "--man=no", path)
	if r.code != 0 || strings.Contains(r.stderr, "visorfs") {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
}
