package spool

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// While the directory was somebody else's, too, anything may have been put there.
func TestPlantedFilesAreLeftAlone(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(path, other string) error{
		"link":        func(path, other string) error { return os.Symlink(other, path) },
		"second name": func(path, other string) error { return os.Link(other, path) },
		"pipe":        func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"directory":   func(path, _ string) error { return os.MkdirAll(filepath.Join(path, "full"), 0o700) },
	} {
		dir, other := newDir(t), filepath.Join(t.TempDir(), "other")
		file := filepath.Join(dir, "a.img.123"+suffix)
		must(t, errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(other, nil, 0o600), plant(file, other)))
		d := mustOpen(t, Options{Dir: dir})
		wantNames(t, dir, filepath.Base(file), lostAndFound)
		wantNames(t, d.lostPath)
		must(t, d.Close())
		if b, err := os.ReadFile(other); err != nil || len(b) > 0 {
			t.Errorf("%s: the other file is %q, %v", name, b, err)
		}
	}
}

func TestPlantedLostAndFoundIsRefused(t *testing.T) {
	t.Parallel()
	dir, other := newDir(t), t.TempDir()
	must(t, errors.Join(os.Mkdir(dir, 0o700), os.Symlink(other, filepath.Join(dir, lostAndFound))))
	d, err := Open(Options{Dir: dir})
	if err == nil {
		must(t, d.Close())
	}
	if err == nil || !strings.Contains(err.Error(), "symbolic link") {
		t.Errorf("%v, want that it is a symbolic link", err)
	}
}
