//go:build linux

package integration

import (
	"fmt"
	"math/rand/v2"
	"path"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	heldAtOnce  = 8
	filesPerDir = 7
	metadataTTL = 300 * time.Millisecond
	lookPause   = 10 * time.Millisecond
)

// twoMounts are two mounts of one server, and what they may show.
type twoMounts struct {
	*chronicle
	t       *testing.T
	s       *server
	rng     *rand.Rand // of the one that makes changes
	mounts  [2]*mount
	all     []string           // paths
	files   int                // there have been
	made    [2]map[string]bool // directories, by mkdir in a mount
	held    []*held
	sources string // directory of the files that are copied
	looks   atomic.Int64
}

// Two who change one repository through two mounts see each other's changes when the time
// to live is over, and never anything else than a whole version of a file. The steps are
// random; VISORFS_SEED makes them those of an earlier run, VISORFS_STEPS says how many.
func TestTwoMountsShowEachOthersChangesInTime(t *testing.T) {
	t.Parallel()
	seed, _ := number(t, "VISORFS_SEED", uint64(time.Now().UnixNano()))
	steps, _ := number(t, "VISORFS_STEPS", 1000)
	runs, _ := number(t, "VISORFS_PROGRAMS", 1)
	for i := range runs {
		if !t.Run(fmt.Sprint("seed ", seed+i), func(t *testing.T) {
			newTwoMounts(t, startServer(t), seed+i, slack).run(int(steps))
		}) {
			return
		}
	}
}

// The original shows the end of an image some seconds after it was stored, and until then
// whoever reads it waits, or is told that it cannot be read.
func TestTwoMountsOfTheOriginalServerShowEachOthersChanges(t *testing.T) {
	t.Parallel()
	seed, _ := number(t, "VISORFS_SEED", uint64(time.Now().UnixNano()))
	steps, _ := number(t, "VISORFS_STEPS", 100)
	w := newTwoMounts(t, startServer(t, likeOriginal), seed, slack+settleTime)
	for _, m := range w.mounts {
		m.allowLog(`level=ERROR .*the server has fewer bytes`)
	}
	t.Log("seed ", seed)
	w.run(int(steps))
}

func newTwoMounts(t *testing.T, s *server, seed uint64, slack time.Duration) *twoMounts {
	t.Helper()
	w := &twoMounts{t: t, s: s, rng: rand.New(rand.NewPCG(seed, 0)), sources: t.TempDir()}
	for _, dir := range dirs {
		for i := range filesPerDir {
			w.all = append(w.all, path.Join(dir, fmt.Sprintf("%d.img", i)))
		}
	}
	w.chronicle = newChronicle(metadataTTL+slack, w.all...)
	for i, args := range [][]string{nil, {"--memory", "2MiB", "--cache-dir", t.TempDir(), "--no-passthrough"}} {
		w.mounts[i] = startMount(t, s.url, append(args, "--metadata-ttl", metadataTTL.String())...)
		w.mounts[i].allowLog(`level=(WARN|ERROR) .*errno="(stale|no such file|device or resource busy)`)
		w.made[i] = make(map[string]bool)
	}
	return w
}

// run makes changes, while others look, and compares both mounts with what must be there
// in the end.
func (w *twoMounts) run(steps int) {
	var lookers sync.WaitGroup
	stop := make(chan struct{})
	for mount := range w.mounts {
		rng := rand.New(rand.NewPCG(w.rng.Uint64(), uint64(mount)))
		lookers.Go(func() { w.lookAround(mount, rng, stop) })
	}
	did := 0
	for did < steps && !w.t.Failed() {
		done, err := pickAction(w.rng).do(w, w.rng.IntN(2))
		if err != nil {
			w.t.Errorf("step %d: %v", did, err)
		}
		if done {
			did++
		}
	}
	close(stop)
	lookers.Wait()
	for _, h := range w.held {
		_ = h.file.Close()
	}
	if !w.t.Failed() {
		w.compareAll()
	}
	w.t.Logf("%d steps, and %d looks beside them", did, w.looks.Load())
}

// lookAround looks at everything through a mount.
func (w *twoMounts) lookAround(mount int, rng *rand.Rand, stop <-chan struct{}) {
	for !w.t.Failed() {
		select {
		case <-stop:
			return
		case <-time.After(lookPause):
		}
		var err error
		if rng.IntN(4) == 0 {
			_, err = w.list(mount, pickDir(rng))
		} else {
			_, err = w.look(mount, w.all[rng.IntN(len(w.all))])
		}
		if err != nil {
			w.t.Errorf("a look from beside: %v", err)
		}
		w.looks.Add(1)
	}
}

// compareAll demands that both mounts, and the server, have what is left.
func (w *twoMounts) compareAll() {
	for mount := range w.mounts {
		for _, dir := range dirs {
			if err := w.agreeAll(mount, dir); err != nil {
				w.t.Error(err)
			}
			if _, err := w.list(mount, dir); err != nil {
				w.t.Error(err)
			}
		}
	}
	time.Sleep(w.lag) // so that nothing but the present state may show
	left := 0
	for _, p := range w.all {
		for mount := range w.mounts {
			if _, err := w.look(mount, p); err != nil {
				w.t.Errorf("in the end: %v", err)
			}
		}
		v := w.now(p)
		if v == nil {
			continue
		}
		left++
		img := w.s.only(p)
		if img.text("note") != v.note {
			w.t.Errorf("%s: the server's note is %q, want %q", p, img.text("note"), v.note)
		}
		if len(v.data) > 0 {
			w.s.wantSettled(p, v.data)
		}
	}
	if n := len(w.s.images()); n != left {
		w.t.Errorf("%d images are on the server, want %d", n, left)
	}
}
