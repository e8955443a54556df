package spool

import (
	"os"
	"path/filepath"
	"strings"
)

// storedSuffix is that of a file whose bytes the server has, in place of suffix.
const storedSuffix = ".stored"

// Stored says that the server has all the bytes: a kill leaves nothing of them, unless the file
// is changed again after this.
func (f *File) Stored() {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mark(storedSuffix)
}

// mark gives the file's name another suffix. Where that fails, a kill leaves what it would have
// left before: a file too many, or one too few. It is called with writing held.
func (f *File) mark(with string) {
	if !f.linked || f.closed || strings.HasSuffix(f.path, with) {
		return
	}
	to := strings.TrimSuffix(f.path, filepath.Ext(f.path)) + with
	if os.Rename(f.path, to) == nil {
		f.path = to
	}
}

// isStored is called with writing held.
func (f *File) isStored() bool { return strings.HasSuffix(f.path, storedSuffix) }

// isOurs reports whether a name is one of a spool's files.
func isOurs(name string) bool {
	return strings.HasSuffix(name, suffix) || strings.HasSuffix(name, storedSuffix)
}
