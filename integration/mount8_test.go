//go:build linux

package integration

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// mount8 is mount(8) and the environment that it gives to visorfs.
type mount8 struct {
	t     *testing.T
	state string // the directory of daemons' logs
	env   []string
}

// newMount8 installs the program as a helper of mount(8), for the time of the test.
func newMount8(t *testing.T) *mount8 {
	t.Helper()
	needRoot(t)
	install(t, "/sbin/mount.visorfs")
	state := t.TempDir()
	env := append(testKeys(), "XDG_STATE_HOME="+state, "XDG_CACHE_HOME="+state, "HOME="+state,
		"PATH="+os.Getenv("PATH"), "LC_ALL=C", "GORACE=atexit_sleep_ms=10")
	return &mount8{t, state, env}
}

// install makes a link to the program.
func install(t *testing.T, link string) {
	t.Helper()
	if err := os.Symlink(visorfs, link); err != nil {
		t.Skipf("the helper cannot be installed, or is there: %v", err)
	}
	t.Cleanup(func() { _ = os.Remove(link) })
}

// try runs mount(8), and adopts the daemon if it has mounted.
func (m *mount8) try(dir string, args ...string) result {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	cmd := prepare(ctx, m.t, "mount", args...)
	cmd.Env = m.env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	before := isMounted(m.t, dir)
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		m.t.Fatal(err)
	}
	if !before && isMounted(m.t, dir) {
		log := filepath.Join(m.state, "visorfs", strings.ReplaceAll(strings.Trim(dir, "/"), "/", "-")+".log")
		adopt(m.t, dir, m.pidOf(dir), log)
	}
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// pidOf finds the daemon that serves a directory by its command line.
func (m *mount8) pidOf(dir string) int {
	m.t.Helper()
	processes, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, process := range processes {
		line, _ := os.ReadFile(process)
		if bytes.HasPrefix(line, []byte("visorfs\x00mount\x00")) && bytes.HasSuffix(line, []byte("\x00--\x00"+dir+"\x00")) {
			pid, _ := strconv.Atoi(strings.Split(process, "/")[2])
			return pid
		}
	}
	m.t.Fatal("no daemon serves " + dir)
	return 0
}

// mounts runs mount(8), which must succeed silently.
func (m *mount8) mounts(dir string, args ...string) {
	m.t.Helper()
	if r := m.try(dir, args...); r.code != 0 || r.stdout+r.stderr != "" || !isMounted(m.t, dir) {
		m.t.Fatalf("mount %s: exit code %d, %q, %q", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
}

// options returns what the kernel lists of a mount.
func options(t *testing.T, dir string) string {
	t.Helper()
	return strings.TrimSpace(tool(t, "findmnt", "-n", "-o", "SOURCE,FSTYPE,OPTIONS", dir))
}

func TestMount8Mounts(t *testing.T) {
	m := newMount8(t)
	s := startServer(t)
	s.post("a.img", random(360, 1000), nil)
	host := strings.TrimPrefix(s.url, "http://")
	for name, c := range map[string]struct {
		link string   // that is needed beside mount.visorfs
		args []string // before the directory
		want string   // in the kernel's list
	}{
		"visorfs":               {"", []string{"-t", "visorfs", s.url}, s.url + " fuse.visorfs rw,"},
		"read-only":             {"", []string{"-t", "visorfs", "-o", "ro,noexec,allow_other,metadata_ttl=1s,_netdev,x-foo=bar,user,relatime", s.url}, "ro,"},
		"host and port":         {"", []string{"-t", "visorfs", host}, host + " fuse.visorfs"},
		"by mount.fuse3":        {"/usr/local/bin/visorfs", []string{"-t", "fuse.visorfs", "-o", "ro,umask=022", s.url}, s.url + " fuse.visorfs ro,"},
		"by mount.fuse.visorfs": {"/sbin/mount.fuse.visorfs", []string{"-t", "fuse.visorfs", "-o", "ro,umask=022", s.url}, s.url + " fuse.visorfs ro,"},
	} {
		t.Run(name, func(t *testing.T) {
			m := &mount8{t, m.state, m.env}
			if c.link != "" {
				install(t, c.link)
			}
			dir := newMountpoint(t)
			m.mounts(dir, append(c.args, dir)...)
			if got := strings.Join(strings.Fields(options(t, dir)), " "); !strings.Contains(got, c.want) {
				t.Errorf("mounted is %s, want %s", got, c.want)
			}
			wantContent(t, filepath.Join(dir, "a.img"), random(360, 1000))
			tool(t, "umount", dir)
		})
	}
}

func TestMount8TakesWhatNoOptionSaysFromEnvironmentAndFile(t *testing.T) {
	m := newMount8(t)
	s := startServer(t)
	s.post("a.img", random(361, 1000), nil)
	config := newFile(t, "visor-config.yml", []byte("visorfs:\n  url: "+s.url+"\n  read-only: true\n  umask: 077\n  options: [noexec]\n"))
	m.env = append(m.env, "VISORFS_CONFIG="+config, "VISORFS_UID=12", "VISORFS_UMASK=027")
	dir := newMountpoint(t)
	m.mounts(dir, "-t", "visorfs", "-o", "_netdev,gid=34", "none", dir)
	if got := options(t, dir); !strings.Contains(got, "ro,") || !strings.Contains(got, "noexec") {
		t.Errorf("mounted is %s", got)
	}
	if got := tool(t, "stat", "-c", "%u %g %a", filepath.Join(dir, "a.img")); got != "12 34 640\n" {
		t.Errorf("owner and mode are %s", got)
	}
	tool(t, "umount", dir)
}

func TestMount8ReadsFstab(t *testing.T) {
	m := newMount8(t)
	s := startServer(t)
	dir := newMountpoint(t)
	fstab := newFile(t, "fstab", []byte(s.url+" "+dir+" visorfs ro,noexec,_netdev,noauto,nofail,x-systemd.automount,comment=images,umask=077 0 0\n"))
	m.mounts(dir, "-T", fstab, dir)
	if got := options(t, dir); !strings.Contains(got, "ro,") || !strings.Contains(got, "noexec") {
		t.Errorf("mounted is %s", got)
	}
	if got := tool(t, "stat", "-c", "%a", dir); got != "700\n" {
		t.Errorf("its mode is %s", got)
	}
	// Mounted already is mounted: mount -a goes by the source.
	all := newFile(t, "fstab", []byte(s.url+" "+dir+" visorfs ro 0 0\n"))
	if r := m.try(dir, "-a", "-T", all); r.code != 0 || r.stderr != "" {
		t.Errorf("mount -a: exit code %d, %s", r.code, r.stderr)
	}
	tool(t, "umount", dir)
}

func TestMount8SaysWhatIsWrong(t *testing.T) {
	m := newMount8(t)
	s := startServer(t)
	for want, c := range map[string]struct {
		args []string
		code int
	}{
		"is allow_other meant?": {[]string{"-t", "visorfs", "-o", "alow_other", s.url}, 1},
		"nothing listens":       {[]string{"-t", "visorfs", "http://127.0.0.1:9"}, 32},
		"is no server":          {[]string{"-t", "visorfs", "a:b:c"}, 1},
	} {
		dir := newMountpoint(t)
		r := m.try(dir, append(c.args, dir)...)
		if r.code != c.code || !strings.Contains(r.stderr, want) {
			t.Errorf("%q: exit code %d, %q, want %d and %q", c.args, r.code, r.stderr, c.code, want)
		}
	}
	dir := newMountpoint(t)
	m.mounts(dir, "-s", "-t", "visorfs", "-o", "nonsense", s.url, dir) // sloppy
	if r := m.try(dir, "-t", "visorfs", s.url, dir); r.code != 32 || !strings.Contains(r.stderr, "already mounted") {
		t.Errorf("mounted twice: exit code %d, %s", r.code, r.stderr)
	}
}
