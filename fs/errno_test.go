package fs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/spool"
	"github.com/visorfs/visorfs/visclient"
)

// The table of "Errors": what VIS or the network says, and what a program sees.
func TestErrorsAreWhatProgramsExpect(t *testing.T) {
	reply := func(status int) error {
		return fmt.Errorf("wrapped: %w", &visclient.Error{Op: "do", ID: "x", StatusCode: status})
	}
	for _, row := range []struct {
		err  error
		want syscall.Errno
	}{
		{nil, 0},
		{reply(400), syscall.EINVAL},
		{reply(403), syscall.EACCES},
		{reply(404), syscall.ENOENT},
		{reply(409), syscall.EBUSY},
		{reply(413), syscall.ENOSPC},
		{reply(507), syscall.ENOSPC},
		{reply(500), syscall.EIO},
		{reply(502), syscall.EIO},
		{reply(503), syscall.EIO},
		{&visclient.Error{Op: "do", Err: visclient.ErrTimeout}, syscall.ETIMEDOUT},
		{&visclient.Error{Op: "do", Err: visclient.ErrMismatch}, syscall.EIO},
		{&visclient.Error{Op: "do", Err: visclient.ErrTooLong}, syscall.ENAMETOOLONG},
		{&visclient.Error{Op: "do", Err: visclient.ErrTooLarge}, syscall.EFBIG},
		{fmt.Errorf("%w: %w", errStale, reply(404)), syscall.ESTALE},
		{fmt.Errorf("get: %w", context.Canceled), syscall.EINTR},
		{errKilled, syscall.EINTR},
		{errNoOverwrite, syscall.EPERM},
		{errLitter, syscall.EPERM},
		{errOverwritten, syscall.EIO},
		{fmt.Errorf("keep: %w", spool.ErrNoRoom), syscall.ENOSPC},
		{errPermission, syscall.EPERM},
		{&meta.InvalidError{Message: "bad"}, syscall.EINVAL},
		{syscall.ENAMETOOLONG, syscall.ENAMETOOLONG},
		// What a socket or a local file says is never said of the image.
		{&visclient.Error{Op: "do", Err: &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}}, syscall.EIO},
		{&visclient.Error{Op: "do", Err: &os.PathError{Op: "open", Err: syscall.ENOENT}}, syscall.EIO},
	} {
		if got := toErrno(row.err); got != row.want {
			t.Errorf("%v is %v, want %v", row.err, got, row.want)
		}
	}
}

func TestFailedOperationIsOneLineOfTheLog(t *testing.T) {
	var log bytes.Buffer
	v := &volume{log: slog.New(slog.NewTextHandler(&log, nil))}
	err := &visclient.Error{Op: "delete image", ID: "5e47", StatusCode: 403, Message: "no permission"}
	if errno := v.errno("unlink", "a.iso", "5e47", err); errno != syscall.EACCES {
		t.Errorf("errno %v", errno)
	}
	for _, want := range []string{"level=WARN", "unlink", "path=/a.iso", "id=5e47", "status=403", "no permission"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("%q is not in %s", want, log.String())
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
	log.Reset()
	for _, err := range []error{nil, errKilled, errStale} {
		v.errno("read", "a.iso", "5e47", err)
	}
	if log.Len() > 0 {
		t.Errorf("what is no failure is logged: %s", log.String())
	}
}

func TestInodeNumbersAreStableAndLeaveRoom(t *testing.T) {
	const want = 0x2ec7ed82d786c1a1 // for ever: programs keep inode numbers over remounts
	if got := imageIno("b91ac18c-0b9e-4d54-a903-28e09ad8cd56"); got>>63 != 0 || got < 2 || got != want {
		t.Errorf("%#x, want %#x", got, uint64(want))
	}
	if imageIno("x") == new(volume).dirIno("x") {
		t.Error("an image and a directory share a number")
	}
}
