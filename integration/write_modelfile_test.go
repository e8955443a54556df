//go:build linux

package integration

import (
	"crypto/md5"
	"encoding/hex"
	"maps"

	"golang.org/x/sys/unix"
)

// modelFile is a file, whatever its name. Its data are replaced whole by each change, so
// that whoever keeps them has the file as it was.
type modelFile struct {
	data  []byte
	sum   string // MD5 of the data in hex; "" when it is not known yet
	saved []byte // as they were when the server last had them for certain
	known bool   // the server had the file for certain, if without data

	// changedBy has each handle that changed the file since then, and nil for a change
	// that the last release sends at the latest: by path while handles were open, or one
	// that left a file of the server without data.
	changedBy map[*modelHandle]bool

	formerly []int // names it had since then, under which the server may know it still
	gone     bool  // removed, or replaced by a rename: nothing is promised to its handles
}

type modelHandle struct {
	file   *modelFile
	flags  int
	opened []byte // the file's data when it was opened
	wrote  bool
}

func (h *modelHandle) reads() bool  { return h.flags&unix.O_ACCMODE != unix.O_WRONLY }
func (h *modelHandle) writes() bool { return h.flags&unix.O_ACCMODE != unix.O_RDONLY }

func (f *modelFile) change(by *modelHandle, data []byte) {
	f.data, f.sum = data, ""
	maps.DeleteFunc(f.changedBy, func(h *modelHandle, _ bool) bool { return h != nil && !h.wrote })
	f.changedBy[by] = true
	if by != nil {
		by.wrote = true
	}
}

// resize changes the length, if it is another.
func (f *modelFile) resize(by *modelHandle, size int) {
	if size != len(f.data) {
		f.change(by, resized(f.data, size))
	}
}

// allocate does an fallocate, of which not each changes the file.
func (f *modelFile) allocate(by *modelHandle, s step) {
	size := len(f.data)
	if s.flags&unix.FALLOC_FL_KEEP_SIZE == 0 {
		size = max(size, s.off+s.n)
	}
	if s.flags&(unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_ZERO_RANGE) == 0 {
		f.resize(by, size)
		return
	}
	data := resized(f.data, size)
	clear(within(data, s.off, s.n))
	f.change(by, data)
}

// flush commits the file, unless it was emptied: dd and others close a copy of their
// descriptor between the emptying and the first write.
func (f *modelFile) flush() {
	if f.known && f.dirty() && len(f.data) == 0 {
		clear(f.changedBy)
		f.changedBy[nil] = true
		return
	}
	f.commit()
}

// commit notes that the server has the file.
func (f *modelFile) commit() {
	f.saved, f.formerly, f.known = f.data, nil, true
	clear(f.changedBy)
}

// md5 returns the MD5 of the data in hex.
func (f *modelFile) md5() string {
	if f.sum == "" {
		f.sum = md5Hex(f.data)
	}
	return f.sum
}

func md5Hex(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

// dirty reports whether the server may have something else than the file.
func (f *modelFile) dirty() bool { return len(f.changedBy) > 0 }

// within is the part of data that a read gets.
func within(data []byte, off, n int) []byte {
	off = min(off, len(data))
	return data[off:min(off+n, len(data))]
}

func resized(data []byte, size int) []byte {
	changed := make([]byte, size)
	copy(changed, data)
	return changed
}

func overlaid(data, part []byte, off int) []byte {
	changed := resized(data, max(len(data), off+len(part)))
	copy(changed[off:], part)
	return changed
}
