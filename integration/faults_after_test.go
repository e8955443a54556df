//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// What is looked at after an operation, when the fault is gone.

// isThere tells whether the server has all that it should.
func isThere(b *faultBench, _ *subject) error { return b.hasAll() }

func isUntouched(b *faultBench, s *subject, _ bool) error { return b.hasAll() }

func isStored(b *faultBench, s *subject) error {
	b.names[s.name] = true
	if err := holds(b.server.images(), s.name, len(s.data), md5Hex(s.data)); err != nil {
		return err
	}
	return errors.Join(compare(s.path, s.data), b.hasAll())
}

// isNotStored tells whether a write that failed left nothing but what was written, in
// lost+found.
func isNotStored(b *faultBench, s *subject, _ bool) error {
	lost := filesBelow(filepath.Join(b.spool, "lost+found"))
	if s.unopened {
		return b.hasAll()
	}
	if len(lost) != 1 {
		return fmt.Errorf("%d files are in lost+found, want one", len(lost))
	}
	for path := range lost {
		got, err := os.ReadFile(path)
		switch _ = os.Remove(path); {
		case err != nil:
			return err
		case !bytes.Equal(got, s.data[:len(got)]):
			return fmt.Errorf("%s (%d bytes) has not what was written", path, len(got))
		}
		if err := soon(func() error { return b.logNames(path) }); err != nil {
			return err
		}
	}
	return b.hasAll()
}

func (b *faultBench) logNames(path string) error {
	if !strings.Contains(b.mount.stderr.String(), filepath.Base(path)) {
		return fmt.Errorf("the log does not name %s", path)
	}
	return nil
}

func hasNote(b *faultBench, s *subject) error {
	if got := b.image(s.id).text("note"); got != "x" {
		return fmt.Errorf("note is %q", got)
	}
	return b.hasAll()
}

func hasNoteOrNot(b *faultBench, s *subject, done bool) error {
	if got := b.image(s.id).text("note"); got != "" && !done {
		return fmt.Errorf("note is %q although setxattr failed", got)
	}
	return b.hasAll()
}

func isRenamed(b *faultBench, s *subject) error {
	delete(b.names, s.name)
	b.names[s.name+".new"] = true
	return b.hasAll()
}

func isRenamedOrNot(b *faultBench, s *subject, done bool) error {
	if b.image(s.id).text("name") == s.name+".new" && done {
		return nil
	}
	return b.hasAll()
}

func isGone(b *faultBench, s *subject) error {
	delete(b.names, s.name)
	return b.hasAll()
}

func isGoneOrNot(b *faultBench, s *subject, done bool) error {
	if b.image(s.id) == nil && done {
		return nil
	}
	return b.hasAll()
}
