//go:build linux

package integration

import (
	"bytes"
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
)

// lostAndFound returns the files that the spool kept of uploads that failed.
func (u *uploader) lostAndFound() map[string]bool {
	found := map[string]bool{}
	_ = filepath.WalkDir(filepath.Join(u.spool, "lost+found"), func(path string, entry iofs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			found[path] = true
		}
		return nil
	})
	return found
}

// keepsWhatWasWritten tells whether the spool has a file, which it did not have before,
// that has what was written where it was written, and whether the log names it.
func (u *uploader) keepsWhatWasWritten(written []extent, before map[string]bool) error {
	if len(written) == 0 {
		return nil
	}
	return soon(func() error {
		for path := range u.lostAndFound() {
			if !before[path] && hasExtents(path, written) && strings.Contains(u.mount.stderr.String(), filepath.Base(path)) {
				return nil
			}
		}
		return errors.New("no file in lost+found that the log names has what was written")
	})
}

// hasExtents tells whether a file has what was written, of which the later may lie over
// the earlier.
func hasExtents(path string, written []extent) bool {
	got, err := os.ReadFile(path)
	if err != nil {
		return false
	}
	want := got
	for _, e := range written {
		want = overlaid(want, e.data, e.off)
	}
	return bytes.Equal(got, want)
}
