//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// machine does the steps of a write program in a mount.
type machine struct {
	path    func(name int) string
	handles [handleCount]int // descriptors; 0 for none
}

// do makes the system call of a step.
func (c *machine) do(s step) outcome {
	fd := c.handles[s.handle]
	switch s.call {
	case callOpen:
		return c.open(s)
	case callClose:
		c.handles[s.handle] = 0
		return result0(unix.Close(fd))
	case callWrite:
		return resultOf(again(func() (int, error) { return unix.Pwrite(fd, s.payload(), int64(s.off)) }))
	case callMapped:
		return writeThroughMap(fd, s)
	case callRead:
		return readAt(fd, s.off, s.n)
	case callReadFresh:
		return readFile(c.path(s.name))
	case callFtruncate:
		return result0(again0(func() error { return unix.Ftruncate(fd, int64(s.n)) }))
	case callTruncate:
		return result0(again0(func() error { return unix.Truncate(c.path(s.name), int64(s.n)) }))
	case callFsync:
		return result0(again0(func() error { return unix.Fsync(fd) }))
	case callRename:
		return result0(again0(func() error {
			return unix.Renameat2(unix.AT_FDCWD, c.path(s.name), unix.AT_FDCWD, c.path(s.to), uint(s.flags))
		}))
	case callUnlink:
		return result0(again0(func() error { return unix.Unlink(c.path(s.name)) }))
	case callFallocate:
		return result0(again0(func() error { return unix.Fallocate(fd, uint32(s.flags), int64(s.off), int64(s.n)) }))
	case callCopyRange:
		return copyFileRange(c.handles[s.from], fd, s)
	case callSeekEnd:
		return seek(fd, 0, unix.SEEK_END)
	case callSeekData:
		return seek(fd, s.off, unix.SEEK_DATA)
	case callStat:
		var st unix.Stat_t
		err := again0(func() error { return unix.Stat(c.path(s.name), &st) })
		return resultOf(int(st.Size), err)
	}
	panic("no such call: " + s.call)
}

// closeAll ends what a failed program left open.
func (c *machine) closeAll() {
	for i, fd := range c.handles {
		if fd != 0 {
			_ = unix.Close(fd)
			c.handles[i] = 0
		}
	}
}

func (c *machine) open(s step) outcome {
	fd, err := again(func() (int, error) { return unix.Open(c.path(s.name), s.flags|unix.O_CLOEXEC, 0o644) })
	if err == nil {
		c.handles[s.handle] = fd
	}
	return result0(err)
}

func readFile(path string) outcome {
	data, err := os.ReadFile(path)
	return outcome{errno: errnoOf(err), n: len(data), data: data}
}

// writeThroughMap changes bytes of the file through a mapping. It syncs that: until then the
// kernel need not tell anybody.
func writeThroughMap(fd int, s step) outcome {
	const page = 4096
	start := s.off / page * page
	mapped, err := unix.Mmap(fd, int64(start), s.off-start+s.n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return failure(errnoOf(err))
	}
	copy(mapped[s.off-start:], s.payload())
	err = again0(func() error { return unix.Msync(mapped, unix.MS_SYNC) })
	if err == nil {
		err = unix.Munmap(mapped)
	}
	return resultOf(s.n, err)
}

func readAt(fd, off, n int) outcome {
	data := make([]byte, 0, n)
	for len(data) < n {
		got, err := again(func() (int, error) { return unix.Pread(fd, data[len(data):n], int64(off+len(data))) })
		if err != nil {
			return failure(errnoOf(err))
		}
		if got == 0 {
			break
		}
		data = data[:len(data)+got]
	}
	return outcome{n: len(data), data: data}
}

func copyFileRange(from, to int, s step) outcome {
	size := seek(from, 0, unix.SEEK_END) // a copy within a file may make it longer
	if size.errno != 0 {
		return size
	}
	source, off, done := int64(s.source), int64(s.off), 0
	for done == 0 || int(source) < size.n && done < s.n {
		n, err := again(func() (int, error) { return unix.CopyFileRange(from, &source, to, &off, s.n-done, 0) })
		if err != nil {
			return failure(errnoOf(err))
		}
		if n == 0 {
			break
		}
		done += n
	}
	return outcome{n: done}
}

func seek(fd, off, whence int) outcome {
	at, err := again(func() (int64, error) { return unix.Seek(fd, int64(off), whence) })
	return resultOf(int(at), err)
}

// again repeats a call that a signal of Go's own interrupted.
func again[T any](do func() (T, error)) (T, error) {
	for {
		if result, err := do(); !errors.Is(err, unix.EINTR) {
			return result, err
		}
	}
}

func again0(do func() error) error {
	_, err := again(func() (struct{}, error) { return struct{}{}, do() })
	return err
}

func result0(err error) outcome { return outcome{errno: errnoOf(err)} }

func resultOf(n int, err error) outcome {
	if err != nil {
		return failure(errnoOf(err))
	}
	return outcome{n: n}
}

func errnoOf(err error) syscall.Errno {
	if err == nil || errors.Is(err, io.EOF) {
		return 0
	}
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		errno = unix.EPROTO // which no mount says
	}
	return errno
}

// differs says how what a mount did differs from what the model says; nil if it does not.
func (want outcome) differs(s step, got outcome) error {
	switch {
	case want.free, want.orElse != nil && got.errno == unix.ESTALE:
		return nil
	case s.call == callSeekData:
		return seeksData(want, got)
	case got.errno != want.errno:
		return fmt.Errorf("%s, want %s", errnoText(got.errno), errnoText(want.errno))
	}
	for _, other := range want.orElse {
		if s.call == callRead && bytes.Equal(got.data, other) || s.call == callSeekEnd && got.n == len(other) {
			return nil
		}
	}
	if got.n != want.n {
		return fmt.Errorf("got %d, want %d", got.n, want.n)
	}
	return differentBytes(got.data, want.data)
}

// seeksData tells whether what a search for data passed over is all zeros.
func seeksData(want, got outcome) error {
	end := got.n
	switch got.errno {
	case 0:
	case unix.ENXIO:
		end = len(want.data)
	default:
		return fmt.Errorf("%s", errnoText(got.errno))
	}
	passed := within(want.data, want.n, max(0, end-want.n))
	if err := differentBytes(passed, make([]byte, len(passed))); err != nil {
		return fmt.Errorf("data from %d to %d were passed over: %w", want.n, end, err)
	}
	if got.errno == 0 && (end < want.n || end >= len(want.data)) {
		return fmt.Errorf("data at %d of a file of %d bytes", end, len(want.data))
	}
	return nil
}

func errnoText(errno syscall.Errno) string {
	if errno == 0 {
		return "no error"
	}
	return fmt.Sprintf("%s (%v)", unix.ErrnoName(errno), errno)
}

// differentBytes names the first byte that is wrong.
func differentBytes(got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return fmt.Errorf("byte %d of %d is %#x, want %#x", i, len(want), got[i], want[i])
		}
	}
	return fmt.Errorf("%d bytes, want %d", len(got), len(want))
}

// play does the steps of a program, each as the model says, and looks at something more
// after each.
func play(program []step, m *model, path func(name int) string, look func(step) error) error {
	real := &machine{path: path}
	defer real.closeAll()
	for i, s := range program {
		if !m.applies(s) {
			continue
		}
		got, want := real.do(s), m.apply(s)
		if err := want.differs(s, got); err != nil {
			return fmt.Errorf("step %d, %s: %w", i, s, err)
		}
		if err := look(s); err != nil {
			return fmt.Errorf("after step %d, %s: %w", i, s, err)
		}
	}
	return nil
}
