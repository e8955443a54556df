package spool

import (
	"errors"
	"fmt"
	"math"

	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/internal/hole"
)

// Zero makes written zeros of the bytes from off to end. They take no room.
func (f *File) Zero(off, end int64) error {
	if err := f.zero(off, end); err != nil {
		return f.failure("zero", int(end-off), off, err)
	}
	return nil
}

func (f *File) zero(off, end int64) error {
	if off < 0 || end < off {
		return unix.EINVAL
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mark(suffix)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil || off == end {
		return err
	}
	freed := f.extents.dataIn(off, end)
	if freed > 0 && f.punch(off, min(end, f.length)) != nil {
		return f.fillZeros(off, end)
	}
	f.extents.set(off, end, zeros)
	f.dir.give(freed)
	return nil
}

// fillZeros is Zero on a filesystem that can't punch holes. Data stay data.
func (f *File) fillZeros(off, end int64) error {
	for off < end {
		to, k := f.extents.next(off, end)
		if k != data {
			f.extents.set(off, to, zeros)
		} else if err := hole.Fill(f.file, off, to); err != nil {
			return noRoom(err)
		}
		off = to
	}
	return nil
}

var errNoHoles = errors.New("no holes here")

func (f *File) punch(off, end int64) error {
	if f.dir.noHoles {
		return errNoHoles
	}
	return hole.Punch(f.file, off, end-off)
}

// Truncate forgets all bytes from size on.
func (f *File) Truncate(size int64) error {
	if err := f.truncate(size); err != nil {
		return fmt.Errorf("spool: cut %q to %d bytes: %w", f.name, size, err)
	}
	return nil
}

func (f *File) truncate(size int64) error {
	if size < 0 {
		return unix.EINVAL
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mark(suffix)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.usable(); err != nil {
		return err
	}
	if size < f.length {
		if err := f.file.Truncate(size); err != nil {
			return err
		}
		f.length = size
	}
	before := f.extents.data
	f.extents.cut(size, math.MaxInt64)
	f.dir.give(before - f.extents.data)
	return nil
}
