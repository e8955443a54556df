//go:build linux

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// taskVariable has the test's program be one that does an operation, says what came of it,
// and ends. In the program of the tests, which is also the proxy, a page fault that waits
// would stop everything, and each program that is started would hold the open files of all
// mounts for a moment.
const taskVariable = "VISORFS_TEST_TASK"

// task is an operation for a program of its own.
type task struct {
	Operation  string
	Path, Loop string
	Data       string // file with what the subject has
	Lies       bool
	Seed       uint64
	Timeout    time.Duration
}

// taskResult is what came of a task.
type taskResult struct {
	Text    string // of the error; "" for none
	Errno   syscall.Errno
	Kind    int // one more than the error's index in taskErrors
	Slowest time.Duration
}

var taskErrors = []error{errWrong, errBus, errLoop, errUnopened}

// act has an operation done, and returns how long its slowest call took.
func (b *faultBench) act(o operation, s *subject) (slowest time.Duration, err error) {
	text, err := json.Marshal(task{o.name, s.path, b.loop, newFile(b.t, "data", s.data), s.lies, uint64(b.number(1 << 30)), b.timeout})
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*toolTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), taskVariable+"="+string(text))
	cmd.WaitDelay = toolTime // for a moment others have its pipe, too
	out, err := cmd.Output()
	var what taskResult
	if err != nil || json.Unmarshal(out, &what) != nil {
		return 0, fmt.Errorf("the program that does it: %v %s", err, out)
	}
	return what.Slowest, what.err()
}

func (o taskResult) err() error {
	if o.Text == "" {
		return nil
	}
	all := []error{errors.New(o.Text)}
	if o.Kind > 0 {
		all = append(all, taskErrors[o.Kind-1])
	}
	if o.Errno != 0 {
		all = append(all, o.Errno)
	}
	return taskError(all)
}

// taskError is an error's text, and what it is.
type taskError []error

func (e taskError) Error() string   { return e[0].Error() }
func (e taskError) Unwrap() []error { return e }

// doTask is what the program of a task does.
func doTask(text string) (code int) {
	var t task
	if err := json.Unmarshal([]byte(text), &t); err != nil {
		return 1
	}
	data, err := os.ReadFile(t.Data)
	if err != nil {
		return 1
	}
	b := &faultBench{timeout: t.Timeout, loop: t.Loop, rng: rand.New(rand.NewPCG(t.Seed, 8))}
	i := slices.IndexFunc(operations, func(o operation) bool { return o.name == t.Operation })
	var what taskResult
	if err := operations[i].do(b, &subject{path: t.Path, data: data, lies: t.Lies}); err != nil {
		what.Text = err.Error()
		what.Kind = 1 + slices.IndexFunc(taskErrors, func(kind error) bool { return errors.Is(err, kind) })
		_ = errors.As(err, &what.Errno)
	}
	what.Slowest = b.slowest
	if json.NewEncoder(os.Stdout).Encode(what) != nil {
		return 1
	}
	return 0
}
