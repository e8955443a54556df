//go:build linux

package integration

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// expectation is how an operation may end.
type expectation struct {
	works  bool
	errnos []syscall.Errno
}

func errnoName(errno syscall.Errno) string { return unix.ErrnoName(errno) }

// faultsAtOnce is how many kinds of faults are tried at once: most of the time they wait.
const faultsAtOnce = 16

// faultServers are those that the runs of a matrix go round.
var faultServers = [][]string{nil, {likeOriginal}, {"--no-range"}}

// Each fault of the tables in docs/faults.md is tried with all operations, every other one
// as one that passes and the rest as such that last. VISORFS_RUNS says how often to go through
// both tables instead; VISORFS_SEED makes bytes, times and places those of an earlier run.
func TestFaultsAreSurvivedOrToldOf(t *testing.T) {
	t.Parallel()
	seed, _ := number(t, "VISORFS_SEED", uint64(time.Now().UnixNano()))
	runs, whole := number(t, "VISORFS_RUNS", 1)
	var count faultCount
	free := make(chan struct{}, faultsAtOnce)
	var all sync.WaitGroup
	for run := range runs {
		seed := seed + run
		for i, k := range faultKinds {
			for _, lasting := range []bool{false, true} {
				if other := (seed+uint64(i))%2 == 0; !whole && lasting == other {
					continue
				}
				free <- struct{}{}
				all.Go(func() {
					defer func() { <-free }()
					name := fmt.Sprintf("%s, %s, seed %d", k.name, duration(lasting), seed)
					t.Run(strings.ReplaceAll(name, "/", ""), func(t *testing.T) { k.tryAll(t, lasting, seed, &count) })
				})
			}
		}
	}
	all.Wait()
	t.Logf("%d runs from seed %d", count.get(), seed)
}

func duration(lasting bool) string {
	if lasting {
		return "lasting"
	}
	return "passing"
}

// faultCount counts runs.
type faultCount struct {
	mu   sync.Mutex
	runs int
}

func (c *faultCount) add() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.runs++
}

func (c *faultCount) get() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs
}

// tryAll tries a fault with all operations that it befalls.
func (k faultKind) tryAll(t *testing.T, lasting bool, seed uint64, count *faultCount) {
	server := faultServers[seed%uint64(len(faultServers))]
	if k.setting == ownServer {
		server = nil
	}
	b := newFaultBench(t, k, lasting, seed, server)
	for _, o := range operations {
		if !k.isOf(o) {
			continue
		}
		count.add()
		err := b.try(k, o, lasting)
		for tries := 1; errors.Is(err, errTooEarly) && tries < 5; tries++ {
			err = b.try(k, o, lasting)
		}
		if err != nil {
			t.Errorf("%s, seed %d, server %q: %v", o.name, seed, server, err)
		}
	}
	if b.loop != "" {
		tool(t, "umount", b.loop)
	}
}

func (k faultKind) isOf(o operation) bool {
	return k.befalls == nil || slices.Contains(k.befalls, o.name)
}

// expected is what must be seen in a cell.
func (k faultKind) expected(o operation, lasting bool) expectation {
	if !lasting {
		return k.passing
	}
	if e, ok := k.but[o.name]; ok {
		return e
	}
	return k.lasting
}

// try has an operation done while there is a fault, and looks what came of it then and
// afterwards.
func (b *faultBench) try(k faultKind, o operation, lasting bool) error {
	s := b.subjects[o.name]
	if o.ready != nil {
		o.ready(b, s)
	}
	end := k.begin(b, &o, lasting)
	took, err := b.act(o, s)
	end()
	want := k.expected(o, lasting)
	if o.name == onLoop {
		want.works = true // mounting may have brought all of it
	}
	if o.name == listed && err == nil && !want.works {
		return errTooEarly
	}
	if !want.allows(err) {
		return fmt.Errorf("%w after %v, want: %v", orWorked(err), took, want)
	}
	if limit := time.Duration(o.questions)*b.timeout + hangTime; took > limit {
		return fmt.Errorf("%w, but a call took %v", orWorked(err), took)
	}
	if err == nil {
		return o.done(b, s)
	}
	b.t.Logf("%s: %v after %v", o.name, err, took)
	s.unopened = errors.Is(err, errUnopened)
	if err := o.not(b, s, k.isDone); err != nil {
		return fmt.Errorf("after %s had failed: %w", o.name, err)
	}
	if err := b.recover(k, o, s); err != nil {
		return fmt.Errorf("with the fault gone: %w", err)
	}
	return o.done(b, s)
}

// errTooEarly is that the mount, which renews its list now and then, had a new image in it
// before the fault began.
var errTooEarly = errors.New("it worked each time, as if there were no fault")

// hangTime is what a call may take beyond its timeouts on a very busy machine.
const hangTime = 20 * time.Second

// shortTime is how long a mount believes what it found out with much patience: that a
// server has fewer bytes than it said.
const shortTime = 10 * time.Second

// recover does what had failed, as soon as that works.
func (b *faultBench) recover(k faultKind, o operation, s *subject) (err error) {
	for deadline := time.Now().Add(shortTime + tolerance); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if err = redo(k, o, b, s); err == nil {
			return nil
		}
	}
	return err
}

var errWorked = errors.New("it worked")

func orWorked(err error) error {
	if err == nil {
		return errWorked
	}
	return err
}

// redo does what had failed. What the server had done all the same needs no doing.
func redo(k faultKind, o operation, b *faultBench, s *subject) error {
	_, err := b.act(o, s)
	if k.isDone && errors.Is(err, syscall.ENOENT) {
		return nil
	}
	return err
}

// allows tells whether an operation may end with an error. What a page fault or a loop
// device gets of one is always the same.
func (e expectation) allows(err error) bool {
	switch {
	case err == nil:
		return e.works
	case errors.Is(err, errBus), errors.Is(err, errLoop):
		return len(e.errnos) > 0
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	slow := errno == syscall.ETIMEDOUT && slices.Contains(e.errnos, syscall.EIO) // the machine: the last try was cut off
	return slow || slices.Contains(e.errnos, errno)
}
