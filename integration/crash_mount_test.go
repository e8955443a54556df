//go:build linux

package integration

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Programs are killed at random points. VISORFS_KILLS says how often, and VISORFS_SEED makes
// the workload that of an earlier run, though not the moments.

const (
	killsPerServer = 20 // so that no server outlives lifeTime
	hands          = 4
	looksBeside    = 2
	killCacheSize  = 4 << 20
	killedTTL      = 200 * time.Millisecond
)

// withKills runs a test for so many kills, with a few for each seed.
func withKills(t *testing.T, test func(t *testing.T, seed uint64, kills int)) {
	t.Helper()
	seed, _ := number(t, "VISORFS_SEED", uint64(time.Now().UnixNano()))
	kills, _ := number(t, "VISORFS_KILLS", 20)
	for ; kills > 0; seed++ {
		n := min(kills, killsPerServer)
		if !t.Run(fmt.Sprintf("seed %d, %d kills", seed, n), func(t *testing.T) { test(t, seed, int(n)) }) {
			return
		}
		kills -= n
	}
}

func TestMountKilledAtAnyMomentLosesAndDamagesNothing(t *testing.T) {
	t.Parallel()
	withKills(t, func(t *testing.T, seed uint64, kills int) {
		w := newKilledMount(t, seed)
		m := w.mount()
		for i := range kills {
			if m = w.round(m); t.Failed() {
				t.Logf("after kill %d of seed %d", i+1, seed)
				return
			}
		}
		t.Logf("%d steps were under way, %d files were in lost+found, %d images beside those of their name, %d times the killed one was stuck",
			w.underWay, w.rescued, w.doubles, w.stuck)
	})
}

// killedMount is a mount that is killed, and mounted again, with the same cache and spool.
type killedMount struct {
	t       *testing.T
	s       *server
	dir     string
	cache   string
	spool   string
	sources string
	rng     *rand.Rand
	killed  atomic.Bool
	hands   []*hand
	stored  map[string][]byte // images that nobody changes

	underWay, rescued, doubles, stuck int // counted over all kills
}

func newKilledMount(t *testing.T, seed uint64) *killedMount {
	t.Helper()
	w := &killedMount{
		t: t, s: startServer(t), dir: newMountpoint(t),
		cache: newCacheDir(t), spool: filepath.Join(t.TempDir(), "spool"), sources: t.TempDir(),
		rng:    rand.New(rand.NewPCG(seed, 0)),
		stored: map[string][]byte{"large.iso": random(800, 6<<20), "middle.iso": random(801, 1<<20+77), "small.iso": random(802, 300_000)},
	}
	t.Cleanup(func() {
		if isMounted(t, w.dir) { // a killed one, after a failure
			_ = syscall.Unmount(w.dir, syscall.MNT_FORCE|syscall.MNT_DETACH)
		}
	})
	for name, data := range w.stored {
		w.s.post(name, data, nil)
	}
	for i := range hands {
		w.hands = append(w.hands, newHand(rand.New(rand.NewPCG(seed, uint64(i+1))), i, 2, &w.killed))
	}
	return w
}

func (w *killedMount) path(name string) string { return filepath.Join(w.dir, name) }

// mount mounts.
func (w *killedMount) mount() *mount {
	w.t.Helper()
	return w.prepare()()
}

// prepare returns a function that mounts, also over what a killed one left. The process is there already:
// one that is started later has files of the killed mount, and may wait for that to close them.
func (w *killedMount) prepare() func() *mount {
	w.t.Helper()
	hold, release, err := os.Pipe()
	if err != nil {
		w.t.Fatal(err)
	}
	m := &mount{start(w.t, launch{binary: "sh", stdin: hold, mount: w.dir}, "-c", `read _; exec "$@" </dev/null`, "sh",
		visorfs, "mount", "--url", w.s.url, "--metadata-ttl", killedTTL.String(), "--memory", "2MiB",
		"--cache-dir", w.cache, "--cache-size", fmt.Sprint(killCacheSize), "--spool-dir", w.spool, w.dir), w.dir}
	_ = hold.Close()
	return func() *mount {
		w.t.Helper()
		_, err := fmt.Fprintln(release)
		if err := errors.Join(err, release.Close()); err != nil {
			w.t.Fatal(err)
		}
		m.ready()
		return m
	}
}

// round works through a mount until it is killed, mounts again, and compares what is there
// with what was acknowledged.
func (w *killedMount) round(m *mount) (next *mount) {
	w.t.Helper()
	mountAgain := w.prepare()
	w.killed.Store(false)
	over := w.work()
	time.Sleep(time.Duration(w.rng.Int64N(int64(1200 * time.Millisecond))))
	w.killed.Store(true)
	m.signal(syscall.SIGKILL)
	ended := make(chan struct{})
	go func() { <-over; <-m.ended; close(ended) }()
	select {
	case <-ended:
		next = mountAgain()
	case <-time.After(3 * time.Second): // the kernel has it wait for who waits for it, or for what it has asked it
		w.stuck++
		next = mountAgain()
		<-ended
	}
	w.judge()
	w.adopt()
	return next
}

// work has all hands work until the kill. The channel is closed when they have ended.
func (w *killedMount) work() (over chan struct{}) {
	var all sync.WaitGroup
	report := func(err error) {
		if err != nil {
			w.t.Error(err)
			w.killed.Store(true)
		}
	}
	for _, h := range w.hands {
		all.Go(func() { report(h.work(func() error { return w.change(h) })) })
	}
	for range looksBeside {
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), 0))
		all.Go(func() { report(w.look(rng)) })
	}
	over = make(chan struct{})
	go func() { all.Wait(); close(over) }()
	return over
}

// look reads what nobody changes: from start to end, or here and there.
func (w *killedMount) look(rng *rand.Rand) error {
	for !w.killed.Load() {
		for name, want := range w.stored {
			if err := lookAt(w.path(name), want, rng); err != nil && (!w.killed.Load() || isWrong(err)) {
				return err
			}
		}
	}
	return nil
}

// wrongBytes is that a read gave other bytes than it should.
type wrongBytes struct{ error }

func isWrong(err error) bool {
	_, wrong := err.(wrongBytes)
	return wrong
}

// lookAt compares all of a file with what it should be, or some parts.
func lookAt(path string, want []byte, rng *rand.Rand) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	type part struct{ off, n int }
	var parts []part
	if rng.IntN(2) == 0 {
		for off := 0; off < len(want); off += 128 << 10 {
			parts = append(parts, part{off, min(128<<10, len(want)-off)})
		}
	}
	for range 10 {
		off := rng.IntN(len(want))
		parts = append(parts, part{off, 1 + rng.IntN(min(50_000, len(want)-off))})
	}
	for _, p := range parts {
		got := make([]byte, p.n)
		if _, err := f.ReadAt(got, int64(p.off)); err != nil {
			return err
		}
		if err := differentBytes(got, want[p.off:p.off+p.n]); err != nil {
			return wrongBytes{fmt.Errorf("%s, %d bytes at %d: %w", path, p.n, p.off, err)}
		}
	}
	return nil
}
