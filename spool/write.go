package spool

import (
	"errors"
	"io"
	"math"
	"os"

	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/internal/hole"
)

// maxWrite is what every system takes at once.
const maxWrite = 1 << 30

// WriteAt writes all of p or nothing: if it fails, what was written before is as it was,
// and p is not written, save for bytes of it over older ones that a failing disk took.
// Kept files go if room is short.
func (f *File) WriteAt(p []byte, off int64) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		seen := f.dir.evictions.Load()
		err := f.write(p, off)
		if err == nil {
			return len(p), nil
		}
		tooLarge := errors.Is(err, unix.EFBIG) // for the filesystem, whatever goes
		if !errors.Is(err, ErrNoRoom) || tooLarge || !f.dir.makeRoom(f, seen) {
			return 0, f.failure("write", len(p), off, err)
		}
	}
}

func (f *File) write(p []byte, off int64) error {
	end, err := endOf(off, len(p))
	if err != nil {
		return err
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	fresh := int64(len(p)) - f.extents.dataIn(off, end)
	f.mark(suffix)
	if !f.dir.take(fresh) {
		return ErrNoRoom
	}
	reached, err := f.store(p, off, fresh)
	f.length = max(f.length, reached)
	if err != nil {
		f.undo(off, reached)
		f.dir.give(fresh)
		return noRoom(err)
	}
	if fresh > 0 {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.extents.set(off, end, data)
	}
	return nil
}

func endOf(off int64, n int) (end int64, err error) {
	if off < 0 {
		return 0, unix.EINVAL
	}
	if off > math.MaxInt64-int64(n) {
		return 0, noRoom(unix.EFBIG)
	}
	return off + int64(n), nil
}

// store writes p, of which fresh bytes are no data yet. Where it has both, those come
// first: only they need room, and nothing is overwritten if there is none. It returns how
// far the file may have changed.
func (f *File) store(p []byte, off, fresh int64) (reached int64, err error) {
	if fresh == 0 || fresh == int64(len(p)) {
		n, err := pwrite(f.file, p, off)
		return off + int64(n), err
	}
	if reached, err = f.storeOnly(p, off, false); err != nil {
		return reached, err
	}
	_, err = f.storeOnly(p, off, true)
	return reached, err
}

// storeOnly writes those bytes of p that go over data, or those that don't. It returns
// where it ended.
func (f *File) storeOnly(p []byte, off int64, overData bool) (reached int64, err error) {
	end := off + int64(len(p))
	for at := off; at < end; {
		to, k := f.extents.next(at, end)
		if (k == data) == overData {
			n, err := pwrite(f.file, p[at-off:to-off], at)
			if err != nil {
				return at + int64(n), err
			}
		}
		at = to
	}
	return end, nil
}

// pwrite is like WriteAt of f, which doesn't tell how much it wrote before it failed.
func pwrite(f *os.File, p []byte, off int64) (n int, err error) {
	for n < len(p) {
		m, err := unix.Pwrite(int(f.Fd()), p[n:min(len(p), n+maxWrite)], off+int64(n))
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err == nil && m == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, nil
}

// undo makes holes again of what a write that failed has filled.
func (f *File) undo(off, end int64) {
	for off < end {
		to, k := f.extents.next(off, end)
		if k != data && f.erase(off, to) != nil {
			return
		}
		off = to
	}
}

// erase makes zeros of a range that has no data. If it can't, nothing is known any more.
func (f *File) erase(off, end int64) error {
	if f.punch(off, end) == nil {
		return nil
	}
	err := hole.Fill(f.file, off, end)
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.broken = err
	}
	return err
}
