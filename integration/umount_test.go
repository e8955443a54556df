//go:build linux

package integration

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestUmountEndsAMount(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	tool(t, "cp", newFile(t, "a.iso", random(310, 100_000)), m.dir)
	r := invoke(t, launch{}, "umount", m.dir)
	if r.code != 0 || r.stderr != "" || isMounted(t, m.dir) {
		t.Errorf("exit code %d, %q, mounted: %v", r.code, r.stderr, isMounted(t, m.dir))
	}
	if code := m.exit(); code != 0 {
		t.Errorf("the mount's exit code is %d", code)
	}
	s.wantStored("a.iso", random(310, 100_000))
}

func TestUmountLeavesAloneWhatIsNotOurs(t *testing.T) {
	t.Parallel()
	dir := newMountpoint(t)
	wantRefusal(t, invoke(t, launch{}, "umount", dir), 1, "nothing is mounted", dir)
	wantRefusal(t, invoke(t, launch{}, "umount", "/proc"), 1, "no mount of visorfs", "type proc", "umount /proc")
	wantRefusal(t, invoke(t, launch{}, "umount", dir+"/nowhere/x"), 1, "no such file")
	needRoot(t)
	tool(t, "mount", "-t", "tmpfs", "none", dir)
	defer tool(t, "umount", dir)
	wantRefusal(t, invoke(t, launch{}, "umount", "--lazy", dir), 1, "type tmpfs")
}

func TestUmountWaitsForUploadsAndSaysSo(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(311, 1<<20)); err != nil {
		t.Fatal(err)
	}
	r := invoke(t, launch{}, "umount", "--timeout", "1s", m.dir)
	wantRefusal(t, r, 1, "waiting", "1 file is being uploaded, 1.0 MiB", "still mounted after 1s", m.path("a.img"))

	umount := start(t, launch{}, "umount", m.dir)
	eventually(t, "it says what it waits for", func() bool { return strings.Contains(umount.stderr.String(), "1 file is being uploaded") })
	if _, err := f.Write(random(312, 1<<20)); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if code := umount.exit(); code != 0 {
		t.Errorf("exit code %d, %s", code, umount.stderr.String())
	}
	m.exit()
	s.wantStored("a.img", append(random(311, 1<<20), random(312, 1<<20)...))
}

// The file that is being uploaded is not open any more while close() waits for the server.
func TestUmountWaitsForAFileThatIsBeingClosed(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	stall := make(chan struct{})
	p.hold(isUpload, stall)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(313, 100_000)); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- f.Close() }()
	umount := start(t, launch{}, "umount", m.dir)
	eventually(t, "it says what it waits for", func() bool { return strings.Contains(umount.stderr.String(), "1 file is being uploaded") })
	close(stall)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if code := umount.exit(); code != 0 {
		t.Errorf("exit code %d, %s", code, umount.stderr.String())
	}
	s.wantStored("a.img", random(313, 100_000))
}

func TestUmountNamesWhoKeepsAMountInUse(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.img", random(314, 1<<20), nil)
	f := open(t, m.path("a.img"), 0)
	wantRefusal(t, invoke(t, launch{}, "umount", m.dir), 1, "in use", m.path("a.img"), "--lazy")
	sleep := exec.Command("sleep", "60")
	sleep.Dir = m.dir
	if err := sleep.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wantRefusal(t, invoke(t, launch{}, "umount", m.dir), 1, "in use", "sleep (process")
	_ = sleep.Process.Kill()
	_ = sleep.Wait()
	if r := invoke(t, launch{}, "umount", m.dir); r.code != 0 {
		t.Errorf("exit code %d, %s", r.code, r.stderr)
	}
}

func TestLazyUmountDetachesAtOnceAndLosesNothing(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(315, 1<<20)); err != nil {
		t.Fatal(err)
	}
	if r := invoke(t, launch{}, "umount", "--lazy", m.dir); r.code != 0 || isMounted(t, m.dir) {
		t.Errorf("exit code %d, %s, mounted: %v", r.code, r.stderr, isMounted(t, m.dir))
	}
	time.Sleep(300 * time.Millisecond)
	if _, err := f.Write(random(316, 1<<20)); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if code := m.exit(); code != 0 {
		t.Errorf("the mount's exit code is %d, %s", code, m.stderr.String())
	}
	s.wantStored("a.img", append(random(315, 1<<20), random(316, 1<<20)...))
}
