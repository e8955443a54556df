//go:build linux

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// daemon is a mount in the background: a process of nobody's.
type daemon struct {
	*program // of its log and expectations; there is no command to wait for
	dir      string
	pid      int
	log      string // path
}

func (d *daemon) path(name string) string { return filepath.Join(d.dir, name) }

// readyDaemon is what "mount --daemon" says.
var readyDaemon = regexp.MustCompile(`^visorfs: (\S+) is mounted on (\S+), by process (\d+); its log is (\S+)\n$`)

// launchDaemon mounts on a new directory, or that of the launch, and returns when it is
// mounted.
func launchDaemon(t *testing.T, l launch, args ...string) *daemon {
	t.Helper()
	if l.mount == "" {
		l.mount = newMountpoint(t)
	}
	r := invoke(t, l, append(args, l.mount)...)
	said := readyDaemon.FindStringSubmatch(r.stdout)
	if r.code != 0 || said == nil {
		t.Fatalf("exit code %d, %q, %q", r.code, r.stdout, r.stderr)
	}
	pid, err := strconv.Atoi(said[3])
	if err != nil {
		t.Fatal(err)
	}
	return adopt(t, l.mount, pid, said[4])
}

// adopt has the end of the test unmount what a daemon mounted, wait for its end and look at
// its log.
func adopt(t *testing.T, dir string, pid int, log string) *daemon {
	t.Helper()
	d := &daemon{program: &program{t: t}, dir: dir, pid: pid, log: log}
	t.Cleanup(func() {
		if isMounted(t, dir) {
			tool(t, "umount", "-l", dir)
		}
		if !d.ends() {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		text, err := os.ReadFile(log)
		if err != nil {
			t.Error(err)
		}
		_, _ = d.stderr.Write(text)
		d.checkLog()
	})
	return d
}

// ends waits for the daemon's end.
func (d *daemon) ends() bool {
	d.t.Helper()
	ended := false
	eventually(d.t, fmt.Sprintf("daemon %d has ended", d.pid), func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", d.pid))
		ended = err != nil || bytes.Contains(stat, []byte(") Z ")) // nobody may care for it
		return ended
	})
	return ended
}

func (d *daemon) cmdline() string {
	d.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", d.pid))
	if err != nil {
		d.t.Fatal(err)
	}
	return strings.ReplaceAll(string(text), "\x00", " ")
}

func TestDaemonIsMountedWhenItsStarterReturns(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	home := t.TempDir()
	d := launchDaemon(t, launch{dir: home, env: append(testKeys(), "XDG_STATE_HOME="+home)}, "mount", "--daemon", "--url", s.url)
	if !isMounted(t, d.dir) {
		t.Error("it is not mounted")
	}
	tool(t, "cp", newFile(t, "a.iso", random(300, 3<<20)), d.dir)
	s.wantStored("a.iso", random(300, 3<<20))
	if !strings.HasPrefix(d.log, home) {
		t.Errorf("its log is %s, want one in %s", d.log, home)
	}
	if cwd, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", d.pid)); err != nil || cwd != "/" {
		t.Errorf("it keeps %s in use (%v)", cwd, err)
	}
	if session, err := syscall.Getpgid(d.pid); err != nil || session != d.pid {
		t.Errorf("its process group is %d (%v), where signals to others reach it", session, err)
	}
	tool(t, "umount", d.dir)
	d.ends()
}

// testKeys is the environment that servers of tests expect.
func testKeys() []string {
	return []string{"VISOR_ACCESS_KEY=" + accessKey, "VISOR_SECRET_KEY=" + secretKey}
}

func TestDaemonShowsItsSecretToNobody(t *testing.T) {
	t.Parallel()
	const secret = "very-secret-and-long"
	users := newFile(t, "users.yml", []byte("foo: "+secret+"\nbar: x\n"))
	if err := os.Chmod(users, 0o600); err != nil {
		t.Fatal(err)
	}
	s := startServer(t, "--users", users)
	for name, args := range map[string][]string{
		"flag":   {"--secret-key", secret},
		"option": {"-o", "ro,secret_key=" + secret},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			l := launch{dir: home, env: []string{"VISOR_ACCESS_KEY=foo", "VISOR_SECRET_KEY=wrong", "VISORFS_OPTIONS=secret_key=wrong", "VISORFS_SECRET_KEY_FILE=none", "XDG_STATE_HOME=" + home}}
			d := launchDaemon(t, l, append([]string{"mount", "--daemon", "--url", s.url}, args...)...)
			if line := d.cmdline(); strings.Contains(line, secret) || !strings.Contains(line, "--url="+s.url) {
				t.Errorf("its command line is %q", line)
			}
			info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", d.pid))
			if err != nil || info.Mode().Perm() != 0o400 {
				t.Errorf("its environment has mode %v, %v", info, err)
			}
			if log, err := os.ReadFile(d.log); err != nil || bytes.Contains(log, []byte(secret)) {
				t.Errorf("its log is %q, %v", log, err)
			}
		})
	}
}

func TestDaemonHasTheSettingsOfItsStarter(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	s.post("a.img", random(301, 1000), nil)
	home := t.TempDir()
	for name, text := range map[string]string{
		"here.yml": "visorfs:\n  url: " + s.url + "\n  access-key: " + accessKey + "\n  secret-key-file: key\n  cache-dir: cache\n  umask: 077\n  options: [noexec, ro]\n",
		"key":      secretKey + "\n",
	} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l := launch{dir: home, env: []string{"VISORFS_GID=34", "VISORFS_UMASK=0", "XDG_STATE_HOME=" + home}}
	d := launchDaemon(t, l, "mount", "--daemon", "--config", "here.yml", "--log-file", "log", "--log-format", "json", "-o", "spool_dir=spool,uid=12,umask=027,nosuid", "--spool-size", "0")
	wantContent(t, d.path("a.img"), random(301, 1000))
	if got := tool(t, "stat", "-c", "%u %g %a", d.path("a.img")); got != "12 34 640\n" {
		t.Errorf("owner and mode are %s", got)
	}
	if options := tool(t, "findmnt", "-no", "OPTIONS", d.dir); !strings.HasPrefix(options, "ro,") || !strings.Contains(options, "noexec") {
		t.Errorf("options of the file are not in %s", options)
	}
	for _, name := range []string{"cache", "spool"} {
		if _, err := os.Stat(filepath.Join(home, name)); err != nil {
			t.Error(err)
		}
	}
	if d.log != filepath.Join(home, "log") {
		t.Errorf("its log is %s", d.log)
	}
	if err := syscall.Kill(d.pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	tool(t, "umount", d.dir)
	d.ends()
	text, err := os.ReadFile(d.log)
	if err != nil || len(text) == 0 {
		t.Fatalf("%q, %v", text, err)
	}
	for line := range bytes.Lines(text) {
		if !json.Valid(line) || bytes.Contains(line, []byte(`"level":"WARN"`)) || bytes.Contains(line, []byte(`"level":"ERROR"`)) {
			t.Errorf("in the log: %s", line)
		}
	}
}

func TestDaemonThatBreaksDownLeavesItsLastWordsInTheLog(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	home := t.TempDir()
	l := launch{dir: home, env: append(testKeys(), "XDG_STATE_HOME="+home)}
	for name, args := range map[string][]string{"log of its own": {"--log-file", "log"}, "output": nil} {
		t.Run(name, func(t *testing.T) {
			d := launchDaemon(t, l, append([]string{"mount", "--daemon", "--url", s.url}, args...)...)
			if err := syscall.Kill(d.pid, syscall.SIGQUIT); err != nil {
				t.Fatal(err)
			}
			d.ends()
			if text, err := os.ReadFile(d.log); err != nil || !bytes.Contains(text, []byte("SIGQUIT")) {
				t.Errorf("%q, %v", text, err)
			}
			if err := os.Truncate(d.log, 0); err != nil { // the harness wants none of that in a log
				t.Error(err)
			}
		})
	}
}

func TestDaemonThatFailsSaysWhy(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	home := t.TempDir()
	state := "XDG_STATE_HOME=" + home
	for name, c := range map[string]struct {
		env   []string
		args  []string
		code  int
		words []string
	}{
		"key":     {[]string{"VISOR_ACCESS_KEY=foo", "VISOR_SECRET_KEY=wrong", state}, []string{"--url", s.url}, 1, []string{"refuses the access key"}},
		"no key":  {[]string{state}, []string{"--url", s.url}, 2, []string{"VISOR_ACCESS_KEY"}},
		"server":  {append(testKeys(), state), []string{"--url", "http://127.0.0.1:9"}, 1, []string{"nothing listens"}},
		"spool":   {append(testKeys(), state), []string{"--url", s.url, "--spool-dir", newFile(t, "file", nil)}, 1, []string{"--spool-dir"}},
		"no log":  {append(testKeys(), "XDG_STATE_HOME="+newFile(t, "file", nil)), []string{"--url", s.url}, 1, []string{"log"}},
		"options": {append(testKeys(), state), []string{"--url", s.url, "-o", "frob"}, 2, []string{"frob"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newMountpoint(t)
			r := invoke(t, launch{env: c.env}, append(append([]string{"mount", "--daemon"}, c.args...), dir)...)
			wantRefusal(t, r, c.code, c.words...)
			if strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("it says more than a line: %q", r.stderr)
			}
			if isMounted(t, dir) {
				t.Error("it is mounted")
			}
		})
	}
}

func TestStarterThatIsEndedLeavesNoDaemon(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	p.setFault(always(fault{stall: true}))
	dir := newMountpoint(t)
	starter := start(t, launch{mount: dir}, "mount", "--daemon", "--url", p.url, dir)
	eventually(t, "the daemon asks the server", func() bool { return len(p.list(isAny)) > 0 })
	begin := time.Now()
	starter.signal(os.Interrupt)
	if code := starter.exit(); code != 1 || time.Since(begin) > 10*time.Second {
		t.Errorf("exit code %d after %v; stderr %s", code, time.Since(begin), starter.stderr.String())
	}
}
