//go:build linux

package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestEndingMountBeginsNoNewFiles(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.expectLog(`level=WARN msg="(create|open for writing): the mount is ending`)
	s.post("old.img", random(320, 1000), nil)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	m.signal(syscall.SIGTERM)
	eventually(t, "a new file is refused", func() bool {
		late, err := os.Create(m.path("late.img"))
		if err != nil {
			wantErrno(t, "create", err, syscall.EROFS)
			return true
		}
		return late.Close() != nil // which stores an image without data
	})
	_, err = os.OpenFile(m.path("old.img"), os.O_WRONLY, 0)
	wantErrno(t, "open to write", err, syscall.EROFS)
	wantContent(t, m.path("old.img"), random(320, 1000))
	again := open(t, m.path("a.img"), os.O_WRONLY) // its program is not done
	for _, file := range []*os.File{f, again} {
		if _, err := file.Write(random(321, 5000)); err != nil {
			t.Error(err)
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	if code := m.exit(); code != 0 {
		t.Errorf("exit code %d; stderr %s", code, m.stderr.String())
	}
	s.wantStored("a.img", random(321, 5000))
}

// unfinished writes to a file that stays open, and ends the mount by signals. What was
// closed must be stored, the rest in lost+found, and its program must not be told else.
func unfinished(t *testing.T, end func(m *mount), args ...string) {
	t.Helper()
	s, m := mounted(t, append([]string{"--spool-dir", filepath.Join(t.TempDir(), "spool")}, args...)...)
	spool := args2spool(m)
	m.expectLog(`level=ERROR msg="upload abandoned`)
	m.allowLog(`level=ERROR msg="(write|close): the mount ended`)
	tool(t, "cp", newFile(t, "done.img", random(322, 100_000)), m.dir)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(323, 3<<20)); err != nil {
		t.Fatal(err)
	}
	end(m)
	if code := m.exit(); code != 1 {
		t.Errorf("exit code %d, want 1; stderr %s", code, m.stderr.String())
	}
	if err := f.Close(); err == nil {
		t.Error("close() says that the file is stored")
	}
	s.wantStored("done.img", random(322, 100_000))
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server, want 1", n)
	}
	wantLost(t, spool, random(323, 3<<20))
}

// args2spool returns the spool directory that a mount was given.
func args2spool(m *mount) string {
	for i, arg := range m.cmd.Args {
		if arg == "--spool-dir" {
			return m.cmd.Args[i+1]
		}
	}
	return ""
}

// wantLost demands one file in lost+found of a spool, with these bytes.
func wantLost(t *testing.T, spool string, want []byte) {
	t.Helper()
	lost, err := filepath.Glob(filepath.Join(spool, "lost+found", "*"))
	if err != nil || len(lost) != 1 {
		t.Fatalf("in lost+found is %q, want one file (%v)", lost, err)
	}
	if got, err := os.ReadFile(lost[0]); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d other bytes than the %d that were written (%v)", lost[0], len(got), len(want), err)
	}
}

func TestStopTimeoutKeepsWhatIsNotStored(t *testing.T) {
	t.Parallel()
	unfinished(t, func(m *mount) { m.signal(syscall.SIGTERM) }, "--stop-timeout", "500ms")
}

func TestSecondSignalKeepsWhatIsNotStored(t *testing.T) {
	t.Parallel()
	unfinished(t, func(m *mount) {
		m.signal(os.Interrupt)
		time.Sleep(500 * time.Millisecond)
		if !m.running() {
			t.Error("it did not wait for the file")
		}
		m.signal(os.Interrupt)
	})
}

// The server does not answer: close() must fail, and not be acknowledged.
func TestUploadThatHangsAtTheEndIsKept(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	spool := filepath.Join(t.TempDir(), "spool")
	m := startMount(t, p.url, "--spool-dir", spool, "--stop-timeout", "500ms")
	m.expectLog(`level=ERROR msg="close: the mount ended before the upload did`)
	p.hold(isUpload, make(chan struct{}))
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(324, 2<<20)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- f.Close() }()
	time.Sleep(300 * time.Millisecond)
	m.signal(syscall.SIGTERM)
	if code := m.exit(); code != 1 {
		t.Errorf("exit code %d, want 1; stderr %s", code, m.stderr.String())
	}
	wantErrno(t, "close", <-closed, syscall.EIO)
	s.wantEmpty()
	wantLost(t, spool, random(324, 2<<20))
}

// copyMounts has another mount namespace hold copies of all mounts that there are now, until
// the test ends, and a program there that runs a shell script in the copy of one.
func copyMounts(t *testing.T, m *mount, script string) {
	t.Helper()
	needRoot(t)
	ready := filepath.Join(t.TempDir(), "ready")
	cmd := background(t, "unshare", "--mount", "sh", "-c", `cd "$1" && eval "$2" && cd / && : >"$3" && exec sleep 120`, "sh", m.dir, script, ready)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	eventually(t, "the other namespace is there", func() bool { _, err := os.Stat(ready); return err == nil })
}

func TestMountThatAnotherNamespaceHasACopyOfEnds(t *testing.T) {
	s, m := mounted(t) // not beside others, whose mounts would be copied
	s.post("a.img", random(323, 1000), nil)
	copyMounts(t, m, "cat a.img >/dev/null")
	m.stop()
}

func TestMountThatIsInUseInAnotherNamespaceSaysSo(t *testing.T) {
	s, m := mounted(t)
	s.post("a.img", random(323, 1000), nil)
	copyMounts(t, m, "exec 3<a.img")
	m.signal(syscall.SIGTERM)
	if code := m.exit(); code != 1 || !strings.Contains(m.stderr.String(), "still in use") {
		t.Errorf("exit code %d; stderr %s", code, m.stderr.String())
	}
}
