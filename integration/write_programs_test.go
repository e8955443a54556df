//go:build linux

package integration

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Write programs are random; a failing one is printed with its seed, and
// VISORFS_SEED=<seed> go test -run <test> ./integration runs it again.
// VISORFS_PROGRAMS says how many to run for each test and server.

func TestProgramsThatWriteInOrderLeaveWhatTheyWrote(t *testing.T) {
	runBatches(t, inOrder, 15)
}

func TestProgramsThatWriteLikeToADiskLeaveWhatTheyWrote(t *testing.T) {
	runBatches(t, likeADisk, 45)
}

// runBatches runs programs on both servers, so many at a time that no mount outlives
// lifeTime.
func runBatches(t *testing.T, p profile, count uint64) {
	t.Helper()
	const size = 50
	for batch := range slices.Chunk(seeds(t, count), size) {
		if !t.Run(fmt.Sprint("seeds from ", batch[0]), func(t *testing.T) {
			withBothServers(t, func(t *testing.T, s *server) { runPrograms(t, s, p, batch) })
		}) {
			return
		}
	}
}

// number is a number from the environment.
func number(t *testing.T, name string, otherwise uint64) (n uint64, given bool) {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise, false
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n, true
}

// seeds returns the seeds of as many runs as the environment, or else a test, wants.
func seeds(t *testing.T, count uint64) []uint64 {
	t.Helper()
	first, given := number(t, "VISORFS_SEED", uint64(time.Now().UnixNano()))
	if given {
		count = 1
	}
	count, _ = number(t, "VISORFS_PROGRAMS", count)
	all := make([]uint64, count)
	for i := range all {
		all[i] = first + uint64(i)
	}
	return all
}

// workshop is where the write programs of a test run.
type workshop struct {
	t      *testing.T
	s      *server
	mounts []*mount
	reader *mount // sees what the others did at once
	runs   atomic.Int64
}

const (
	programsAtOnce = 4
	leftToSettle   = 16 // programs whose files the original server may still be copying
)

func runPrograms(t *testing.T, s *server, p profile, programs []uint64) {
	t.Helper()
	w := &workshop{t: t, s: s, reader: startMount(t, s.url, "--metadata-ttl", "1ms"), mounts: []*mount{
		startMount(t, s.url),
		startMount(t, s.url, "--metadata-ttl", "100ms", "--memory", "2MiB"),
	}}
	for _, m := range w.mounts {
		m.allowLog(`level=(WARN|ERROR) .*errno="(stale|no such file|file exists)`)
	}
	todo, settling := make(chan uint64), make(chan struct{}, leftToSettle)
	var workers, rest sync.WaitGroup
	var failed atomic.Bool
	for i := range programsAtOnce {
		m := w.mounts[i%len(w.mounts)]
		workers.Go(func() {
			for seed := range todo {
				r, err := w.run(m, p.generate(seed))
				if err != nil {
					failed.Store(true)
					w.report(m, p.generate(seed), seed, err)
					continue
				}
				settling <- struct{}{}
				rest.Go(func() {
					defer func() { <-settling }()
					if err := r.settle(); err != nil {
						failed.Store(true)
						t.Errorf("seed %d: %v; the program was\n%s", seed, err, source(p.generate(seed)))
					}
				})
			}
		})
	}
	for _, seed := range programs {
		if failed.Load() { // one at a time is enough to think about
			break
		}
		todo <- seed
	}
	close(todo)
	workers.Wait()
	rest.Wait()
	if !failed.Load() {
		s.wantEmpty()
	}
}

// commits are the calls after which the server is asked what it has.
var commits = map[call]bool{
	callClose: true, callFsync: true, callTruncate: true, callRename: true, callUnlink: true,
}

// run runs a program, and looks after each step whether all is as the model says.
func (w *workshop) run(m *mount, program []step) (*programRun, error) {
	r := &programRun{workshop: w, prefix: fmt.Sprintf("%d-", w.runs.Add(1))}
	path := func(name int) string { return m.path(r.file(name)) }
	return r, play(program, &r.model, path, func(s step) error {
		if !commits[s.call] {
			return nil
		}
		return r.checkServer()
	})
}

// soon repeats a look until it finds nothing wrong, or for some seconds.
func soon(look func() error) error {
	deadline := time.Now().Add(5 * time.Second)
	for {
		err := look()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// report prints a program that failed, and the shortest that was found to fail too.
func (w *workshop) report(m *mount, program []step, seed uint64, err error) {
	w.t.Helper()
	w.t.Errorf("seed %d: %v; the program is\n%s", seed, err, source(program))
	shorter, err := w.shrink(m, program)
	if err == nil {
		w.t.Log("it did not fail again")
		return
	}
	w.t.Logf("%d of these steps are enough: %v\n%s", len(shorter), err, source(shorter))
}

// shrink leaves out steps for as long as a program still fails, or time is up. It returns
// how the shortest failed: nil if the whole does not fail again.
func (w *workshop) shrink(m *mount, program []step) ([]step, error) {
	_, failure := w.run(m, program)
	deadline := time.Now().Add(20 * time.Second)
	for size := len(program) / 2; failure != nil && size > 0; size /= 2 {
		for at := 0; at < len(program) && time.Now().Before(deadline); {
			without := slices.Delete(slices.Clone(program), at, min(at+size, len(program)))
			if _, err := w.run(m, without); err != nil {
				program, failure = without, err
			} else {
				at += size
			}
		}
	}
	return program, failure
}
