//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// operation is something that people do with a file, the subject.
type operation struct {
	name      string
	questions int                                              // each of which may take a call the mount's timeout
	isOwn     func(*http.Request) bool                         // a request that it makes
	ready     func(b *faultBench, s *subject)                  // before anything goes wrong
	do        func(b *faultBench, s *subject) error            //
	done      func(b *faultBench, s *subject) error            // what is wrong once it has worked
	not       func(b *faultBench, s *subject, done bool) error // what is wrong once it has failed, which the server may have done
}

// subject is a file that nobody has read yet.
type subject struct {
	name, id string
	path     string
	data     []byte
	unopened bool // the write that failed never began
	lies     bool // bytes of it may be wrong before its end, which tells that
}

const (
	readBytes  = 1<<20 + 54_321
	writeBytes = 1<<20 + 12_345
)

var (
	errWrong = errors.New("other bytes than those of the image")
	errBus   = errors.New("SIGBUS")
	errLoop  = errors.New("an I/O error of the loop device")

	errUnopened = errors.New("not opened")
)

const (
	listed = "list"
	onLoop = "ext4 on a loop device"
)

// operations are the columns of the matrix.
var operations = []operation{
	{name: "sequential read", questions: 1, isOwn: isDataRequest, do: readInOrder, done: isThere, not: isUntouched},
	{name: "random read", questions: 1, isOwn: isDataRequest, do: readAtRandom, done: isThere, not: isUntouched},
	{name: "mmap", questions: 2, isOwn: isDataRequest, do: readMapped, done: isThere, not: isUntouched},
	{name: onLoop, questions: 2, isOwn: isDataRequest, ready: mountLoop, do: readThroughLoop, done: isThere, not: isUntouched},
	{name: "write", questions: 6, isOwn: isUploadRequest, do: writeNew, done: isStored, not: isNotStored},
	{name: listed, questions: 1, isOwn: isListingRequest, ready: addUnseen, do: list, done: isThere, not: isUntouched},
	{name: "setxattr", questions: 2, isOwn: isMethod(http.MethodPut), do: setNote, done: hasNote, not: hasNoteOrNot},
	{name: "rename", questions: 3, isOwn: isMethod(http.MethodPut), do: renameIt, done: isRenamed, not: isRenamedOrNot},
	{name: "unlink", questions: 2, isOwn: isMethod(http.MethodDelete), do: unlinkIt, done: isGone, not: isGoneOrNot},
}

func isDataRequest(r *http.Request) bool { return isData(seen{method: r.Method, path: r.URL.Path}) }
func isListingRequest(r *http.Request) bool {
	return isListing(seen{method: r.Method, path: r.URL.Path}) && r.URL.RawQuery == ""
}
func isUploadRequest(r *http.Request) bool {
	return isUpload(r) && (r.Method == http.MethodPost || r.Method == http.MethodPut)
}
func isMethod(method string) func(*http.Request) bool {
	return func(r *http.Request) bool { return r.Method == method }
}

// timed does a call, and notes how long the slowest took.
func (b *faultBench) timed(call func() error) error {
	begun := time.Now()
	err := call()
	b.slowest = max(b.slowest, time.Since(begun))
	return err
}

type timedReader struct {
	b *faultBench
	io.Reader
}

func (r timedReader) Read(p []byte) (n int, err error) {
	err = r.b.timed(func() (err error) {
		n, err = r.Reader.Read(p)
		return err
	})
	return n, err
}

func readInOrder(b *faultBench, s *subject) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	got, err := io.ReadAll(timedReader{b, f})
	switch {
	case err == nil && !bytes.Equal(got, s.data), err != nil && !s.lies && !bytes.HasPrefix(s.data, got):
		return fmt.Errorf("%w: %d of them, %v", errWrong, len(got), err)
	}
	return err
}

func readAtRandom(b *faultBench, s *subject) error {
	f, err := os.OpenFile(s.path, os.O_RDONLY|unix.O_DIRECT, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	buf := make([]byte, 100_000)
	for range 12 {
		off, length := b.number(len(s.data)), 1+b.number(len(buf))
		var n int
		err := b.timed(func() (err error) {
			n, err = f.ReadAt(buf[:length], int64(off))
			return err
		})
		if err != nil && err != io.EOF {
			return err
		}
		if !bytes.Equal(buf[:n], within(s.data, off, length)) {
			return fmt.Errorf("%w: %d at %d", errWrong, length, off)
		}
	}
	return nil
}

// mountLoop mounts the subject, an ext4 filesystem, and leaves its file unread.
func mountLoop(b *faultBench, s *subject) {
	dir := newMountpoint(b.t)
	tool(b.t, "mount", "-o", "loop,ro,noload", s.path, dir)
	b.loop = dir
}

func readThroughLoop(b *faultBench, _ *subject) error {
	f, err := os.Open(filepath.Join(b.loop, "file"))
	if err != nil {
		return errors.Join(errLoop, err)
	}
	defer func() { _ = f.Close() }()
	got, err := io.ReadAll(timedReader{b, f})
	switch {
	case errors.Is(err, syscall.EIO):
		return errLoop
	case err == nil && !bytes.Equal(got, loopContent()):
		return errWrong
	}
	return err
}

func writeNew(b *faultBench, s *subject) error {
	f, err := os.Create(s.path)
	if err != nil {
		return errors.Join(errUnopened, err)
	}
	for rest := s.data; len(rest) > 0 && err == nil; {
		n := min(len(rest), 1+b.number(300_000))
		err = b.timed(func() error { _, err := f.Write(rest[:n]); return err })
		rest = rest[n:]
	}
	if closed := b.timed(f.Close); err == nil {
		err = closed
	}
	return err
}

// addUnseen registers an image that the mount does not know of yet.
func addUnseen(b *faultBench, s *subject) {
	s.name = fmt.Sprintf("%d unseen.img", len(b.names))
	s.path = b.mount.path(s.name)
	s.id = b.server.post(s.name, nil, nil)
	b.names[s.name] = true
}

// list lists until the mount knows of the image, whose list may be a little old.
func list(b *faultBench, s *subject) error {
	for deadline := time.Now().Add(b.timeout); ; time.Sleep(50 * time.Millisecond) {
		var entries []os.DirEntry
		err := b.timed(func() (err error) {
			entries, err = os.ReadDir(filepath.Dir(s.path))
			return err
		})
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Name() == filepath.Base(s.path) {
				return nil
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("a list without the new image: %v", entries)
		}
	}
}

func setNote(b *faultBench, s *subject) error {
	return b.timed(func() error { return setxattr(s.path, "user.visor.note", "x") })
}

func renameIt(b *faultBench, s *subject) error {
	return b.timed(func() error { return os.Rename(s.path, s.path+".new") })
}

func unlinkIt(b *faultBench, s *subject) error {
	return b.timed(func() error { return os.Remove(s.path) })
}
