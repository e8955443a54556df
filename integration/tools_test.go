//go:build linux

package integration

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const toolTime = 60 * time.Second

// packages tells in which Debian package a tool is that not every machine has.
var packages = map[string]string{
	"getfattr": "attr", "setfattr": "attr",
	"mke2fs": "e2fsprogs", "mkfs.ext4": "e2fsprogs", "fsck.ext4": "e2fsprogs",
	"mksquashfs": "squashfs-tools", "unsquashfs": "squashfs-tools",
	"isoinfo": "genisoimage", "bsdtar": "libarchive-tools",
	"fusermount3": "fuse3", "umount": "mount", "mount": "mount",
	"setpriv": "util-linux", "findmnt": "util-linux", "systemd-analyze": "systemd",
	"tmux": "tmux", "rsync": "rsync", "stress-ng": "stress-ng", "fio": "fio", "qemu-img": "qemu-utils", "bash": "bash",
	"diff": "diffutils", "cmp": "diffutils", "find": "findutils",
}

// result is how a tool ended.
type result struct {
	code   int    // -1 when it was killed
	end    string // the same in words
	stdout string
	stderr string
	took   time.Duration
}

// prepare returns the command of a tool, which must be installed.
func prepare(ctx context.Context, t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("%s is missing: apt-get install %s", name, packages[name])
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = toolTime / 6 // as long may a busy machine need to hand over what the tool said
	return cmd
}

// try runs a tool, which may fail, but not hang.
func try(t *testing.T, name string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := prepare(ctx, t, name, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	err := cmd.Run()
	if ctx.Err() != nil {
		t.Fatalf("%s %s hung for %v", name, strings.Join(args, " "), toolTime)
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return result{cmd.ProcessState.ExitCode(), cmd.ProcessState.String(), stdout.String(), stderr.String(), time.Since(begin)}
}

// tool runs a tool, which must succeed and complain about nothing, and returns what
// it said.
func tool(t *testing.T, name string, args ...string) string {
	t.Helper()
	r := try(t, name, args...)
	if r.code != 0 {
		t.Fatalf("%s %s: %s: %s%s", name, strings.Join(args, " "), r.end, r.stdout, r.stderr)
	}
	return r.stdout
}

// wantFailure runs a tool that has to fail with a message.
func wantFailure(t *testing.T, message, name string, args ...string) result {
	t.Helper()
	r := try(t, name, args...)
	if r.code == 0 || !strings.Contains(r.stderr, message) {
		t.Errorf("%s %s: exit code %d, stderr %q, want a failure with %q", name, strings.Join(args, " "), r.code, r.stderr, message)
	}
	return r
}

// background starts a tool that the test will signal; the end of the test kills it.
func background(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), toolTime)
	t.Cleanup(cancel)
	return prepare(ctx, t, name, args...)
}

// needRoot ends a test that only root can run.
func needRoot(t *testing.T) {
	t.Helper()
	switch {
	case os.Geteuid() == 0:
	case os.Getenv("CI") != "":
		t.Fatal("this test needs root")
	default:
		t.Skip("this test needs root")
	}
}

// random returns bytes that depend on a seed only.
func random(seed uint64, size int) []byte {
	var key [32]byte
	key[0], key[1] = byte(seed), byte(seed>>8)
	data := make([]byte, size)
	_, _ = rand.NewChaCha8(key).Read(data) // never fails
	return data
}

// newFile makes a local file, the source of a copy.
func newFile(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantContent demands that a file reads as these bytes.
func wantContent(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s reads as %d bytes that are not the %d bytes of its source", path, len(got), len(want))
	}
}

// wantErrno demands an error of a system call.
func wantErrno(t *testing.T, what string, err error, want ...syscall.Errno) {
	t.Helper()
	for _, errno := range want {
		if errors.Is(err, errno) {
			return
		}
	}
	t.Errorf("%s: error %v, want %v", what, err, want)
}

// eventually waits for something that takes a moment.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	t.Errorf("not within 10 s: %s", what)
}

// names lists a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	return strings.Join(strings.Fields(tool(t, "ls", dir)), " ")
}
