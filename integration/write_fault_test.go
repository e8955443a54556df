//go:build linux

package integration

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// uploads makes a fault of every upload.
func uploads(f fault) func(*http.Request) fault {
	return func(r *http.Request) fault {
		if r.Method == http.MethodPost || r.Method == http.MethodPut {
			return f
		}
		return fault{}
	}
}

func TestCopyFailsWhenTheServerDoesNotStoreIt(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fault   fault
		message string
	}{
		"refused":             {fault{status: http.StatusInternalServerError}, "Input/output error"},
		"full":                {fault{status: http.StatusInsufficientStorage}, "No space left on device"},
		"forbidden":           {fault{status: http.StatusForbidden}, "Permission denied"},
		"dropped":             {fault{drop: true}, "Input/output error"},
		"cut in the middle":   {fault{cutUp: 2 << 20}, "Input/output error"},
		"cut before the end":  {fault{cutUp: 4<<20 - 1}, "Input/output error"},
		"cut after the start": {fault{cutUp: 1}, "Input/output error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, p, m := counted(t, "--timeout", patience.String())
			m.expectLog(`level=(WARN|ERROR) .*path=/a.img`)
			source := newFile(t, "a.img", random(40, 4<<20))
			p.setFault(uploads(c.fault))
			wantFailure(t, c.message, "cp", source, m.dir)
			if got := names(t, m.dir); got != "" {
				t.Errorf("ls shows %q after the failure", got)
			}
			s.wantEmpty()
			p.setFault(nil)
			tool(t, "cp", source, m.dir)
			s.wantStored("a.img", random(40, 4<<20))
		})
	}
}

// Not only close() finds out that an upload has failed.
func TestWriteThatTheServerRefusesKeepsWhatWasWritten(t *testing.T) {
	t.Parallel()
	spool := newSpool(t)
	_, p, m := counted(t, spoolFlags(spool)...)
	m.expectLog(`level=WARN .*write: .*path=/a.img`)
	m.allowLog(`level=WARN .*path=/a.img`)
	p.setFault(uploads(fault{status: http.StatusForbidden}))
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	written, part := 0, random(48, 256<<10)
	for deadline := time.Now().Add(toolTime); err == nil && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if _, err = f.Write(part); err == nil {
			written += len(part)
		}
	}
	wantErrno(t, "write", err, syscall.EACCES)
	_ = f.Close()
	lost := filesBelow(spool)
	if len(lost) != 1 {
		t.Errorf("the spool keeps %v, want what was written", lost)
	}
	for path := range lost {
		got, err := os.ReadFile(path)
		if err != nil || len(got) < written || !bytes.Equal(got, bytes.Repeat(part, len(got)/len(part))) {
			t.Errorf("%s has %d bytes, %v; want the %d that were written", path, len(got), err, written)
		}
	}
}

func TestCopyingOverAFileLeavesItWhenTheServerRefuses(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t, "--timeout", "10s")
	m.expectLog(`level=ERROR .*path=/a.img`)
	old := random(41, 1<<20)
	id := s.post("a.img", old, nil)
	p.setFault(uploads(fault{cutUp: 1 << 20}))
	wantFailure(t, "Input/output error", "cp", newFile(t, "a.img", random(42, 4<<20)), m.dir)
	if img := s.wantStored("a.img", old); img.text("_id") != id {
		t.Error("the old image was replaced")
	}
	wantContent(t, m.path("a.img"), old)
}

// beginWriting starts a tool that writes its input to a file, gives it 2 MiB, and
// waits until these are on their way.
func beginWriting(t *testing.T, path, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := background(t, name, args...)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = in.Write(random(43, 2<<20)) }()
	eventually(t, "2 MiB are written", func() bool {
		info, err := os.Stat(path)
		return err == nil && info.Size() == 2<<20
	})
	return cmd
}

func TestWriterThatIsKilledStoresNothing(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGKILL, syscall.SIGINT, syscall.SIGTERM} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			s, m := mounted(t)
			cmd := beginWriting(t, m.path("a.img"), "tee", m.path("a.img"))
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			eventually(t, "ls shows nothing", func() bool { return names(t, m.dir) == "" })
			s.wantEmpty()
			tool(t, "cp", newFile(t, "b.img", random(44, 3<<20)), m.dir)
			s.wantStored("b.img", random(44, 3<<20))
		})
	}
}

// dd closes a copy of its descriptor before it writes, which makes the file an image
// without data: that may stay, but nothing that looks like the whole.
func TestKilledDDStoresNoData(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	cmd := beginWriting(t, m.path("a.img"), "dd", "of="+m.path("a.img"), "bs=64k", "iflag=fullblock", "status=none")
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the server has nothing but an image without data", func() bool {
		for _, img := range s.images() {
			if img.text("status") != "locked" {
				return false
			}
		}
		return true
	})
	tool(t, "cp", newFile(t, "b.img", random(44, 1<<20)), m.path("a.img"))
	s.wantStored("a.img", random(44, 1<<20))
}

func TestKilledCopyOverAFileLeavesIt(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	old := random(45, 1<<20)
	s.post("a.img", old, nil)
	cmd := beginWriting(t, m.path("a.img"), "tee", m.path("a.img"))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the old file is back", func() bool {
		info, err := os.Stat(m.path("a.img"))
		return err == nil && info.Size() == int64(len(old))
	})
	s.wantStored("a.img", old)
	wantContent(t, m.path("a.img"), old)
}

func TestKillingTheMountInMidWriteStoresNothing(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	cmd := beginWriting(t, m.path("a.img"), "tee", m.path("a.img"))
	m.kill()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	s.wantEmpty()
}

func TestUnlinkingAFileInMidWriteStoresNothing(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog("level=")
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(46, 1<<20)); err != nil {
		t.Fatal(err)
	}
	tool(t, "rm", m.path("a.img"))
	if got := names(t, m.dir); got != "" {
		t.Errorf("ls shows %q after rm", got)
	}
	_ = f.Close() // whatever it says of a file that is gone
	s.wantEmpty()
}

// A file that a copied descriptor made an image already is sent with PUT: breaking that
// off and deleting the image must not get in each other's way.
func TestUnlinkingALockedImageInMidWriteRemovesIt(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	for i := range 20 {
		f, err := os.Create(m.path("a.img"))
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Sync(); err != nil { // makes it a locked image
			t.Fatal(err)
		}
		if _, err := f.Write(random(47, 1<<20)); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(m.path("a.img")); err != nil {
			t.Errorf("round %d: %v", i, err)
		}
		_ = f.Close() // whatever it says of a file that is gone
		if n := len(s.images()); n != 0 {
			t.Fatalf("round %d: %d images are on the server after rm", i, n)
		}
	}
}

func TestSlowWriterIsNotTimedOut(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--timeout", "1s")
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"one ", "two ", "three"} {
		if _, err := io.WriteString(f, part); err != nil {
			t.Fatal(err)
		}
		time.Sleep(1500 * time.Millisecond)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStored("a.img", []byte("one two three"))
}

func TestReplacementOfAnImageThatCannotBeDeletedIsTakenBack(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	m.expectLog(`level=(WARN|ERROR) .*path=/a.img`)
	old, fresh := random(43, 30_000), random(44, 40_000)
	id := s.post("a.img", old, nil)
	p.setFault(func(r *http.Request) fault {
		if r.Method == http.MethodDelete && strings.HasSuffix(r.URL.Path, id) {
			return fault{status: http.StatusForbidden}
		}
		return fault{}
	})
	wantFailure(t, "Permission denied", "cp", newFile(t, "a.img", fresh), m.path("a.img"))
	s.wantStored("a.img", old)
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server, want the old one", n)
	}
	wantContent(t, m.path("a.img"), old)
	p.setFault(nil)
	tool(t, "cp", newFile(t, "a.img", fresh), m.path("a.img"))
	s.wantStored("a.img", fresh)
}
