//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// die kills a mount, whose directory stays.
func (m *mount) die() {
	m.t.Helper()
	_ = m.cmd.Process.Kill()
	<-m.ended
	_, err := os.ReadDir(m.dir)
	wantErrno(m.t, "listing of a dead mount", err, syscall.ENOTCONN)
	m.program.mount = "" // it left that mounted
}

func TestDeadMountIsReplaced(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.img", random(340, 1000), nil)
	held := open(t, m.dir, 0) // which keeps a plain umount from working
	m.die()
	link := filepath.Join(t.TempDir(), "link") // also by another name
	if err := os.Symlink(m.dir, link); err != nil {
		t.Fatal(err)
	}
	again := start(t, launch{mount: m.dir}, "mount", "--url", s.url, link)
	again.ready()
	_ = held.Close()
	wantContent(t, m.path("a.img"), random(340, 1000))
	if n := strings.Count(again.stderr.String(), "had left mounted"); n != 1 {
		t.Errorf("%d lines of the log say it: %s", n, again.stderr.String())
	}
}

func TestDeadMountOfAnotherFilesystemIsLeftAlone(t *testing.T) {
	needRoot(t)
	t.Parallel()
	dir := newMountpoint(t)
	device, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("other", dir, "fuse.other", 0, "fd="+strconv.Itoa(int(device.Fd()))+",rootmode=40000,user_id=0,group_id=0"); err != nil {
		t.Fatal(err)
	}
	defer tool(t, "umount", "-l", dir)
	_ = device.Close() // so that it is dead
	s := startServer(t)
	for _, args := range [][]string{{"mount", "--url", s.url}, {"demo"}} {
		wantRefusal(t, invoke(t, launch{}, append(args, dir)...), 1, "fuse.other", "umount "+dir)
	}
	if !isMounted(t, dir) {
		t.Error("it was unmounted")
	}
}

// systemd mounts what is "x-systemd.automount" when somebody looks into its directory, on
// which it has an autofs. To look into it from here would wait for ever.
func TestMountpointMayBeAnAutomount(t *testing.T) {
	needRoot(t)
	t.Parallel()
	dir := newMountpoint(t)
	requests, pipe, err := os.Pipe() // that nobody answers
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = requests.Close() }()
	options := "fd=" + strconv.Itoa(int(pipe.Fd())) + ",pgrp=" + strconv.Itoa(syscall.Getpgrp()) + ",minproto=5,maxproto=5,direct"
	if err := unix.Mount("systemd-1", dir, "autofs", 0, options); err != nil {
		t.Skipf("no autofs here: %v", err)
	}
	_ = pipe.Close()
	t.Cleanup(func() { tool(t, "umount", "-l", dir) })
	s := startServer(t)
	s.post("a.img", random(341, 1000), nil)
	cmd := launch{}.command(t, "mount", "--url", s.url, dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // or it would be taken for systemd itself
	var out, log output
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(readyTime, func() { _ = cmd.Process.Kill() })
	eventually(t, "it is mounted", func() bool { return strings.Contains(out.String(), "is mounted on") })
	wantContent(t, filepath.Join(dir, "a.img"), random(341, 1000))
	_ = cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v; stderr %s", err, log.String())
	}
	late.Stop()
}
