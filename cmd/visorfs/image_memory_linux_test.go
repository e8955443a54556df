package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// maxResident bounds what moving an image of any size may take.
const maxResident = 40 << 20

// highWater returns the most memory that a process has had so far.
func highWater(pid int) (bytes int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(text), "\n") {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			_, _ = fmt.Sscan(value, &bytes)
			return bytes << 10
		}
	}
	return 0
}

// peak runs a command to its end and returns the most memory it had.
func peak(cmd *exec.Cmd) (bytes int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			return bytes, err
		case <-time.After(10 * time.Millisecond):
			bytes = max(bytes, highWater(cmd.Process.Pid))
		}
	}
}

// pattern is endless data that are no zeros, at no cost.
type pattern struct{}

func (pattern) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(i>>8) ^ byte(i)
	}
	return len(p), nil
}

func TestMemoryIsBoundedWhateverTheSizeOfAnImage(t *testing.T) {
	if testing.Short() {
		t.Skip("moves 1 GiB")
	}
	const size = 1 << 30
	bin := filepath.Join(t.TempDir(), "visorfs")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	isolate(t)
	t.Setenv("VISOR_ACCESS_KEY", "foo")
	t.Setenv("VISOR_SECRET_KEY", "bar")
	url := startBuilt(t, bin)

	start := time.Now()
	add := exec.Command(bin, "image", "--url", url, "add", "-", "name=big.vmdk")
	add.Stdin = io.LimitReader(pattern{}, size)
	add.Stderr = os.Stderr
	used, err := peak(add)
	report(t, "add", size, used, err, start)

	start = time.Now()
	get := exec.Command(bin, "image", "--url", url, "get", "-q", "big.vmdk")
	get.Stderr = os.Stderr
	used, err = peak(get)
	report(t, "get", size, used, err, start)
	if info, err := os.Stat("big.vmdk"); err != nil || info.Size() != size {
		t.Error(info, err)
	}
}

func report(t *testing.T, what string, size, used int64, err error, start time.Time) {
	t.Helper()
	if err != nil || used == 0 || used > maxResident {
		t.Errorf("%s of %d bytes: %v, with %d bytes of memory, want at most %d", what, size, err, used, maxResident)
	}
	t.Logf("%s: %.1f MiB of memory, %.0f MiB/s", what, float64(used)/(1<<20), float64(size)/(1<<20)/time.Since(start).Seconds())
}

// startBuilt runs the program as a server until the test ends.
func startBuilt(t *testing.T, bin string) (url string) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	server := exec.CommandContext(ctx, bin, "serve", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	server.Cancel = func() error { return server.Process.Signal(os.Interrupt) }
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(); _ = server.Wait() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	words := strings.Fields(line)
	return words[len(words)-1]
}
