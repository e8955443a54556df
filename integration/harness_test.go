//go:build linux

package integration

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	readyTime = 20 * time.Second // for the line that a command is ready
	endTime   = 20 * time.Second // for a command to end: its grace is 10 s

	accessKey = "foo"
	secretKey = "bar"
)

var lifeTime = 5*time.Minute + soakTime // of any one program

var visorfs string // path of the program, built with the race detector

func TestMain(m *testing.M) {
	if task := os.Getenv(taskVariable); task != "" {
		os.Exit(doTask(task))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if err := canMount(); err != nil {
		fmt.Fprintf(os.Stderr, "integration: no test can run: %v\n", err)
		if os.Getenv("CI") != "" {
			return 1
		}
		return 0
	}
	dir, err := os.MkdirTemp("", "visorfs-build-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { // for tests that are other users
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	visorfs = filepath.Join(dir, "visorfs")
	if err := build(visorfs, "-race"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	end, err := makeEmptyNamespace()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer end()
	return m.Run()
}

// lookAtSources makes the program's sources an input of these tests, which do not import
// them: without it go test would take an older result for the present program's. It
// keeps a record of files from the first test on, so each program's start comes here.
var lookAtSources = sync.OnceFunc(func() {
	_ = filepath.WalkDir("..", func(path string, entry iofs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".go" {
			_, _ = os.Stat(path)
		}
		return nil
	})
})

func canMount() error {
	f, err := os.OpenFile("/dev/fuse", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("FUSE is needed: %w", err)
	}
	return f.Close()
}

// build compiles the program to a path.
func build(to string, flags ...string) error {
	args := append([]string{"build", "-o", to}, flags...)
	out, err := exec.Command("go", append(args, "../cmd/visorfs")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// program is a running visorfs.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout output
	stderr output
	ended  chan struct{}
	mount  string // what it mounts on; "" for nothing

	mu       sync.Mutex
	allowed  []*regexp.Regexp
	expected []*regexp.Regexp
}

// launch says how to start a program. The zero value of each field is its default.
type launch struct {
	binary string   // default visorfs
	env    []string // default the keys that servers of tests know
	dir    string   // working directory; default a new one
	mount  string   // what it will mount on
	user   uint32   // who runs it; default who runs the tests
	stdin  *os.File // default nothing
}

func (l launch) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if l.binary == "" {
		l.binary = visorfs
	}
	if l.dir == "" {
		l.dir = t.TempDir()
	}
	if l.env == nil {
		l.env = []string{"VISOR_ACCESS_KEY=" + accessKey, "VISOR_SECRET_KEY=" + secretKey}
	}
	lookAtSources()
	cmd := exec.Command(l.binary, args...)
	if l.stdin != nil {
		cmd.Stdin = l.stdin
	}
	cmd.Dir = l.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + l.dir, "TMPDIR=" + l.dir,
		"GORACE=atexit_sleep_ms=10"}, l.env...) // the race detector's own default is a second per program
	cmd.WaitDelay = 5 * time.Second
	if l.user != 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: l.user, Gid: l.user}}
	}
	return cmd
}

// start starts a program whose end the test's own end checks.
func start(t *testing.T, l launch, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: l.command(t, args...), ended: make(chan struct{}), mount: l.mount}
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.ended) }()
	watchdog := time.AfterFunc(lifeTime, func() {
		if !p.running() {
			return
		}
		t.Errorf("%s still ran after %v; killed it", p, lifeTime)
		p.kill()
	})
	t.Cleanup(func() {
		watchdog.Stop()
		if p.running() {
			p.stop()
		}
		p.checkLog()
	})
	return p
}

func (p *program) String() string {
	if p.cmd == nil {
		return "a daemon"
	}
	if p.mount != "" {
		return "visorfs mount"
	}
	return "visorfs " + p.cmd.Args[1]
}

// ready returns the line that a program says it is ready with.
func (p *program) ready() string {
	p.t.Helper()
	for deadline := time.Now().Add(readyTime); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if line, _, whole := strings.Cut(p.stdout.String(), "\n"); whole {
			return line
		}
		if !p.running() {
			break
		}
	}
	p.t.Fatalf("%s did not get ready: stdout %q, stderr %q", p, p.stdout.String(), p.stderr.String())
	return ""
}

func (p *program) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// stop ends a program as Ctrl-C does; it has to succeed.
func (p *program) stop() {
	p.t.Helper()
	p.signal(os.Interrupt)
	if code := p.exit(); code != 0 {
		p.t.Errorf("%s: exit code %d after SIGINT, want 0; stderr:\n%s", p, code, p.stderr.String())
	}
}

func (p *program) signal(sig os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%s: %v", p, err)
	}
}

// exit waits for the end of a program, and returns its exit code: -1 when it had to
// be killed, or was.
func (p *program) exit() int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(endTime):
		p.signal(syscall.SIGQUIT) // has it say what it is at
		time.Sleep(time.Second)
		p.t.Errorf("%s did not end within %v; killed it; stderr:\n%s", p, endTime, p.stderr.String())
		p.kill()
	}
	if p.mount != "" && isMounted(p.t, p.mount) {
		p.t.Errorf("%s ended, and left %s mounted", p, p.mount)
		_ = syscall.Unmount(p.mount, syscall.MNT_DETACH)
	}
	return p.cmd.ProcessState.ExitCode()
}

// kill ends a program the hard way, and frees whoever waits for its mount.
func (p *program) kill() {
	_ = p.cmd.Process.Kill()
	if p.mount != "" { // by force, for it may wait for who waits for it
		_ = syscall.Unmount(p.mount, syscall.MNT_FORCE|syscall.MNT_DETACH)
	}
	<-p.ended
}

func isMounted(t *testing.T, dir string) bool {
	t.Helper()
	mounts, err := os.ReadFile("/proc/mounts")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(mounts), " "+dir+" ")
}
