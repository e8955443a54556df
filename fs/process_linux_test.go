package fs

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

func interruptedRequest(tid int) (*request, func()) {
	cancel := make(chan struct{})
	ctx := &fuse.Context{Caller: fuse.Caller{Pid: uint32(tid)}, Cancel: cancel}
	return begin(ctx), func() { close(cancel) }
}

func TestHarmlessSignalDoesNotEndARequest(t *testing.T) {
	req, interrupt := interruptedRequest(os.Getpid())
	defer req.done()
	interrupt()
	select {
	case <-req.Done():
		t.Error("a request of a program that nothing kills has ended")
	case <-time.After(200 * time.Millisecond):
	}
	if req.Err() != nil {
		t.Error(req.Err())
	}
}

func TestDeathOfTheCallerEndsARequest(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	req, interrupt := interruptedRequest(cmd.Process.Pid)
	defer req.done()
	done := req.Done()
	if err := errors.Join(cmd.Process.Kill(), func() error { _ = cmd.Wait(); return nil }()); err != nil {
		t.Fatal(err)
	}
	interrupt()
	select {
	case <-done:
	case <-time.After(5 * time.Second):
		t.Fatal("the request goes on")
	}
	if !errors.Is(req.Err(), errKilled) || !errors.Is(context.Cause(req), errKilled) {
		t.Errorf("%v, %v", req.Err(), context.Cause(req))
	}
}

func TestPendingSignalThatKillsIsSeen(t *testing.T) {
	if dying(os.Getpid()) || dying(0) || processOf(0) != 0 {
		t.Error("nobody is dying")
	}
	if got := processOf(syscall.Gettid()); got != os.Getpid() {
		t.Errorf("this thread is of process %d, want %d", got, os.Getpid())
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGTERM) // so that it does not kill the test
	defer signal.Stop(signals)
	s := status{"SigPnd": []byte("0000000000000000"), "ShdPnd": []byte("0000000000004000"), "SigBlk": []byte("0000000000000000")}
	if s.pending()&fatalSignals == 0 {
		t.Error("a pending SIGTERM is not seen")
	}
	s["SigBlk"] = []byte("0000000000004000")
	if s.pending()&fatalSignals != 0 {
		t.Error("a blocked SIGTERM kills")
	}
}
