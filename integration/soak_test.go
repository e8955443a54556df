//go:build linux

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// soakTime is how long TestNothingGrowsWithUse goes on: as many seconds as VISORFS_SOAK says.
var soakTime = func() time.Duration {
	if seconds, err := strconv.Atoi(os.Getenv("VISORFS_SOAK")); err == nil {
		return time.Duration(seconds) * time.Second
	}
	return 8 * time.Second
}()

// consumption is what a program holds when nothing is asked of it.
type consumption struct {
	memory      int // bytes that Go's runtime has; the race detector's own grow
	goroutines  int
	descriptors int
}

func (c consumption) String() string {
	return fmt.Sprintf("%d MiB, %d goroutines, %d descriptors", c.memory>>20, c.goroutines, c.descriptors)
}

// consumption returns what a program holds, which has to serve its metrics.
func (p *program) consumption() consumption {
	p.t.Helper()
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	if err != nil {
		p.t.Fatal(err)
	}
	values := p.scrape()
	return consumption{
		memory:      int(values["go_memstats_sys_bytes"] - values["go_memstats_heap_released_bytes"]),
		goroutines:  int(values["go_goroutines"]),
		descriptors: len(fds),
	}
}

// Mixed work in four parts. After the second, when caches are full, both programs hold no more
// than they did then.
func TestNothingGrowsWithUse(t *testing.T) {
	t.Parallel()
	const parts, full = 4, 2
	seed, _ := number(t, "VISORFS_SEED", uint64(time.Now().UnixNano()))
	t.Logf("seed %d", seed)
	s := startServer(t, "--metrics", "127.0.0.1:0")
	large := random(seed, 24<<20)
	s.post("large.img", large, nil)
	args := []string{"--metrics", "127.0.0.1:0", "--memory", "4MiB", "--metadata-ttl", "100ms", "--cache-dir", t.TempDir(), "--cache-size", "16MiB"}
	m := startMount(t, s.url, append(args, spoolFlags(newSpool(t))...)...)
	other := startMount(t, s.url, "--metadata-ttl", "100ms")
	for _, m := range []*mount{m, other} {
		m.allowLog(`level=WARN`) // of files that go while they are looked at
	}

	tasks := soakTasks(t, seed, s, m, other, large)
	programs := []*program{s.program, m.program}
	held := make(map[*program]consumption)
	for part := 1; part <= parts; part++ {
		if runAll(t, tasks, soakTime/parts); t.Failed() {
			t.Fatalf("the mount's log:\n%s", m.stderr.String())
		}
		for _, p := range programs {
			was, now := held[p], p.consumption()
			t.Logf("%s after part %d: %v", p, part, now)
			if part <= full {
				held[p] = now
				continue
			}
			for range 50 { // connections are kept for a while
				if !now.exceeds(was) {
					break
				}
				time.Sleep(200 * time.Millisecond)
				now = p.consumption()
			}
			if now.exceeds(was) {
				t.Errorf("%s held %v after part %d, and %v after part %d", p, was, full, now, part)
			}
		}
	}
}

// exceeds reports whether a program holds more than before, and more than chance can explain.
// In a short run memory, and files that are kept open, are still being put to use: of the latter
// there are some 280 at most.
func (c consumption) exceeds(was consumption) bool {
	const goroutines, descriptors, all, memory = 20, 64, 330, 32 << 20
	long := soakTime >= time.Minute
	return c.goroutines > was.goroutines+goroutines || c.descriptors > all ||
		long && (c.descriptors > was.descriptors+descriptors || c.memory > was.memory*5/4+memory)
}

// runAll repeats tasks for some time, each one after the other of its own.
func runAll(t *testing.T, tasks map[string]func() error, long time.Duration) {
	t.Helper()
	end := time.Now().Add(long)
	var all sync.WaitGroup
	for what, do := range tasks {
		all.Go(func() {
			for time.Now().Before(end) && !t.Failed() {
				if err := do(); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
	all.Wait()
}

// soakTasks are what people do with a repository.
func soakTasks(t *testing.T, seed uint64, s *server, m, other *mount, large []byte) map[string]func() error {
	local := t.TempDir()
	tasks := map[string]func() error{
		"read at random": func() error { return readSome(m.path("large.img"), large) },
		"read in order":  func() error { return compare(m.path("large.img"), large) },
		"list": func() error {
			_ = exec.Command("ls", "-lR", m.dir).Run() // fails when a file goes meanwhile
			return nil
		},
		"find of the other mount": func() error {
			_ = exec.Command("find", other.dir, "-size", "+1").Run()
			return nil
		},
		"post and delete": func() error {
			id := s.post("posted/by http.img", random(1, 70_000), nil)
			s.delete(id)
			return nil
		},
		"tree": func() error { return copyAndRemoveTree(m.dir, local) },
	}
	for i := range 4 {
		w := &worker{rng: rand.New(rand.NewPCG(seed, uint64(i))), path: m.path(fmt.Sprintf("%d.img", i))}
		tasks["file "+w.path] = w.step
	}
	return tasks
}

// readSome reads an image at random places.
func readSome(path string, data []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 64<<10)
	for range 20 {
		off := rand.IntN(len(data) - len(buf))
		if _, err := f.ReadAt(buf, int64(off)); err != nil {
			return err
		}
		if string(buf) != string(data[off:off+len(buf)]) {
			return fmt.Errorf("other bytes at %d than those of the image", off)
		}
	}
	return nil
}

// copyAndRemoveTree copies files in from a local directory, renames theirs, changes one in its
// middle, compares, and removes all.
func copyAndRemoveTree(dir, local string) error {
	const script = `set -e; cd "$1"; head -c 300000 /dev/urandom >"$2/a"; cp "$2/a" "$2/b"
		mkdir tree; cp "$2/a" "$2/b" tree/; mv tree moved
		printf changed | dd of=moved/b bs=1 seek=150000 conv=notrunc status=none
		printf changed | dd of="$2/b" bs=1 seek=150000 conv=notrunc status=none
		setfattr -n user.visor.note -v soaked moved/a; cmp "$2/a" moved/a; cmp "$2/b" moved/b; rm -r moved`
	if out, err := exec.Command("sh", "-c", script, "sh", dir, local).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
