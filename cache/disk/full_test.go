package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/internal/smalldisk"
)

// fullDisk writes more than the filesystem has, twice, and returns what went wrong.
func fullDisk(s *Store, c *clock, b []byte, names string) error {
	o, err := s.Object(names, int64(len(b)))
	if err != nil {
		return err
	}
	defer o.Close()
	o.WriteAt(b, 0)
	got := s.Stats()
	if got.WriteErrors != 1 || got.DroppedWrites == 0 {
		return fmt.Errorf("after a failure: %+v", got)
	}
	o.WriteAt(b, 0)
	if again := s.Stats(); again.WriteErrors != 1 {
		return fmt.Errorf("it didn't pause: %+v", again)
	}
	c.advance(retryAfter)
	o.WriteAt(b, 0)
	if again := s.Stats(); again.WriteErrors != 2 {
		return fmt.Errorf("it didn't try again: %+v", again)
	}
	return readable(o, b)
}

// readable compares what is there.
func readable(o *Object, b []byte) error {
	for off := int64(0); off < o.size; off += PageBytes {
		n := min(PageBytes, o.size-off)
		p := make([]byte, n)
		if got := o.ReadAt(p, off); got != o.Has(off, n) || got && string(p) != string(b[off:off+n]) {
			return fmt.Errorf("the page at %d is wrong, or not what Has says", off)
		}
	}
	return nil
}

func TestFullDiskStopsWritesAndNothingElse(t *testing.T) {
	mnt := smalldisk.New(t)
	log, c := new(logBuffer), newClock()
	s := mustOpen(t, Options{Dir: filepath.Join(mnt, "cache"), Logger: log.logger(), now: c.now})
	b := someBytes(1, 3<<20)
	if err := fullDisk(s, c, b, "x"); err != nil {
		t.Error(err)
	}
	audit(t, s)
	if lines := log.lines(); len(lines) != 1 {
		t.Errorf("logged %q", lines)
	}
	o := mustObject(t, s, "x", len(b))
	if !o.Has(0, ChunkBytes) {
		t.Error("what was written before is gone")
	}
	o.Drop()
	c.advance(retryAfter)
	o.WriteAt(b[:1<<20], 0)
	if !o.Has(0, 1<<20) || len(log.lines()) != 2 {
		t.Errorf("doesn't write again: %q", log.lines())
	}
	wantAll(t, o, b[:1<<20])
	audit(t, s)
	mustClose(t, s)
}

// writeLimited is a process that may not write beyond the first chunks of a file.
func writeLimited() {
	limit := unix.Rlimit{Cur: 10*ChunkBytes + 100, Max: 10*ChunkBytes + 100}
	c := newClock()
	s, err := Open(Options{Dir: os.Getenv(dirEnv), now: c.now})
	if err == nil {
		var o *Object
		if o, err = s.Object("x", 20*ChunkBytes); err == nil {
			o.WriteAt(someBytes(1, PageBytes), 0) // makes the files
			err = unix.Setrlimit(unix.RLIMIT_FSIZE, &limit)
		}
	}
	if err == nil {
		err = fullDisk(s, c, someBytes(1, 20*ChunkBytes), "x")
	}
	if err == nil {
		err = tooLarge(s, c)
	}
	if err == nil && (s.Stats().Held < 9*ChunkBytes || s.Stats().Held > 11*ChunkBytes) {
		err = fmt.Errorf("held: %+v", s.Stats())
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

// tooLarge asks for a file that can't be: that is tried once, and stops no other writes.
func tooLarge(s *Store, c *clock) error {
	before := s.Stats().WriteErrors
	o, err := s.Object("too large", 1<<30)
	if err != nil {
		return err
	}
	for range 3 {
		c.advance(retryAfter)
		o.WriteAt(zeroPage[:], 0)
	}
	if got := s.Stats(); got.WriteErrors != before+1 || o.Has(0, 1) {
		return fmt.Errorf("a file that is too large: %+v", got)
	}
	return nil
}

func TestFileSizeLimitStopsWritesAndNothingElse(t *testing.T) {
	dir := newDir(t)
	cmd := again(t, "limited", dir)
	cmd.Stderr = nil
	if out, err := cmd.Output(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s := mustOpen(t, Options{Dir: dir})
	o := mustObject(t, s, "x", 20*ChunkBytes)
	if err := readable(o, someBytes(1, 20*ChunkBytes)); err != nil {
		t.Error(err)
	}
	if !o.Has(0, 10*ChunkBytes) {
		t.Error("what was written before is gone")
	}
}

func TestDirectoryThatGoesAwayStopsWritesOnly(t *testing.T) {
	for _, how := range []string{"removed", "unwritable"} {
		t.Run(how, func(t *testing.T) {
			if how == "unwritable" && os.Geteuid() == 0 {
				t.Skip("root may write anywhere")
			}
			dir, c, b := newDir(t), newClock(), someBytes(1, ChunkBytes)
			log := new(logBuffer)
			s := mustOpen(t, Options{Dir: dir, now: c.now, Logger: log.logger()})
			old, fresh := mustObject(t, s, "old", len(b)), mustObject(t, s, "fresh", len(b))
			old.WriteAt(b[:10*PageBytes], 0)
			err := os.Chmod(dir, 0o500)
			if how == "removed" {
				err = errors.Join(os.Chmod(dir, 0o700), os.RemoveAll(dir))
			}
			if err != nil {
				t.Fatal(err)
			}
			fresh.WriteAt(b, 0)
			if fresh.Has(0, 1) || s.Stats().WriteErrors != 1 {
				t.Errorf("the write went well: %+v", s.Stats())
			}
			wantAll(t, old, b[:10*PageBytes])
			audit(t, s)
			_ = os.MkdirAll(dir, 0o700)
			_ = os.Chmod(dir, 0o700)
			c.advance(time.Minute)
			fresh.WriteAt(b, 0)
			wantAll(t, fresh, b)
			if len(log.lines()) != 2 {
				t.Errorf("logged %q", log.lines())
			}
		})
	}
}
