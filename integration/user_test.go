//go:build linux

package integration

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Ordinary users, which every machine has a name for: fusermount3 wants one.
const (
	ordinary = 65534 // nobody
	another  = 1     // daemon
)

// asUser runs a tool as a user.
func asUser(t *testing.T, id int, args ...string) result {
	t.Helper()
	number := strconv.Itoa(id)
	return try(t, "setpriv", append([]string{"--reuid=" + number, "--regid=" + number, "--clear-groups"}, args...)...)
}

// ordinaryLaunch gives an ordinary user a home, a mountpoint and /dev/fuse. In a container
// that may be root's alone; on other machines it is open to all (mode 666), and so it is
// made here for the time of the test.
func ordinaryLaunch(t *testing.T) launch {
	t.Helper()
	needRoot(t)
	const device = "/dev/fuse"
	info, err := os.Stat(device)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o666 {
		if err := os.Chmod(device, 0o666); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(device, mode) })
	}
	home, dir := newMountpoint(t), newMountpoint(t)
	t.Cleanup(func() { _ = os.RemoveAll(home) })
	for _, path := range []string{home, dir} {
		if err := os.Chown(path, ordinary, ordinary); err != nil {
			t.Fatal(err)
		}
	}
	return launch{user: ordinary, dir: home, mount: dir}
}

// fuseConf gives /etc/fuse.conf a last line for the time of a test.
func fuseConf(t *testing.T, line string) {
	t.Helper()
	const file = "/etc/fuse.conf"
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(old[:len(old):len(old)], "\n"+line+"\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.WriteFile(file, old, 0o644) })
}

// It is one test, because all users share /dev/fuse and /etc/fuse.conf.
func TestOrdinaryUserMounts(t *testing.T) {
	l := ordinaryLaunch(t)
	s := startServer(t)
	t.Run("in the foreground", func(t *testing.T) { ordinaryForeground(t, l, s) })
	t.Run("as a daemon, killed and mounted again", func(t *testing.T) { ordinaryDaemon(t, l, s) })
	t.Run("where he may not write", func(t *testing.T) {
		r := invoke(t, l, "mount", "--url", s.url, newMountpoint(t))
		wantRefusal(t, r, 1, "you may not write there")
	})
	t.Run("for others", func(t *testing.T) { ordinaryAllowOther(t, l, s) })
	t.Run("for somebody else to find", func(t *testing.T) {
		m := launchMountOn(t, l, "mount", "--url", s.url)
		wantRefusal(t, invoke(t, launch{user: another, dir: "/"}, "mount", "--url", s.url, m.dir), 1, "already mounted")
		wantRefusal(t, invoke(t, launch{user: another, dir: "/"}, "umount", m.dir), 1, "fusermount3")
		if r := invoke(t, launch{}, "umount", m.dir); r.code != 0 { // root may
			t.Errorf("exit code %d, %s", r.code, r.stderr)
		}
		m.exit()
	})
}

// launchMountOn runs a command that mounts on the directory of the launch.
func launchMountOn(t *testing.T, l launch, args ...string) *mount {
	t.Helper()
	m := &mount{start(t, l, append(args, l.mount)...), l.mount}
	m.ready()
	return m
}

func ordinaryForeground(t *testing.T, l launch, s *server) {
	m := launchMountOn(t, l, "mount", "--url", s.url)
	source := newFile(t, "a.img", random(350, 1<<20))
	for dir := source; dir != "/tmp"; dir = dir[:strings.LastIndex(dir, "/")] {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"cp", source, m.path("a.img")},
		{"cmp", source, m.path("a.img")},
		{"mv", m.path("a.img"), m.path("b.img")},
		{"ls", "-l", m.dir},
	} {
		if r := asUser(t, ordinary, args...); r.code != 0 {
			t.Errorf("%q: exit code %d, %s", args, r.code, r.stderr)
		}
	}
	s.wantStored("b.img", random(350, 1<<20))
	r := asUser(t, ordinary, "stat", "-c", "%u %g %a", m.path("b.img"))
	if want := strconv.Itoa(ordinary) + " " + strconv.Itoa(ordinary) + " 644\n"; r.stdout != want {
		t.Errorf("owner and mode are %q, want %q", r.stdout, want)
	}
	if r := asUser(t, another, "ls", m.dir); r.code == 0 {
		t.Error("others see it without allow_other")
	}
	if r := invoke(t, launch{user: ordinary, dir: l.dir}, "umount", m.dir); r.code != 0 {
		t.Errorf("umount: exit code %d, %s", r.code, r.stderr)
	}
	if code := m.exit(); code != 0 {
		t.Errorf("exit code %d; stderr %s", code, m.stderr.String())
	}
}

func ordinaryDaemon(t *testing.T, l launch, s *server) {
	d := launchDaemon(t, l, "mount", "--daemon", "--url", s.url)
	if !strings.HasPrefix(d.log, l.dir+"/.local/state/visorfs/") {
		t.Errorf("its log is %s", d.log)
	}
	wantRefusal(t, invoke(t, l, "mount", "--daemon", "--url", s.url, l.mount), 1, "already mounted")
	if err := syscall.Kill(d.pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	d.ends()
	if r := asUser(t, ordinary, "ls", d.dir); !strings.Contains(r.stderr, "Transport endpoint is not connected") {
		t.Errorf("it is not dead: %s%s", r.stdout, r.stderr)
	}
	again := launchMountOn(t, l, "mount", "--url", s.url)
	if r := asUser(t, ordinary, "ls", d.dir); r.stdout != "b.img\n" {
		t.Errorf("ls: %q, %s", r.stdout, r.stderr)
	}
	again.stop()
}

func ordinaryAllowOther(t *testing.T, l launch, s *server) {
	r := invoke(t, l, "mount", "--url", s.url, "-o", "allow_other", l.mount)
	wantRefusal(t, r, 1, "user_allow_other", "/etc/fuse.conf")
	fuseConf(t, "user_allow_other")
	m := launchMountOn(t, l, "mount", "--url", s.url, "-o", "allow_other")
	if r := asUser(t, another, "cat", m.path("b.img")); r.stdout != string(random(350, 1<<20)) {
		t.Errorf("another user reads %d bytes: %s", len(r.stdout), r.stderr)
	}
	if r := asUser(t, another, "touch", m.path("c.img")); r.code == 0 {
		t.Error("another user writes")
	}
	m.stop()
}
