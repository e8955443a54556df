package disk

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func refused(t *testing.T, dir, why string) error {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	if err == nil {
		_ = s.Close()
		t.Fatalf("%s was taken", dir)
	}
	if !strings.Contains(err.Error(), why) || !strings.Contains(err.Error(), dir) {
		t.Errorf("the error doesn't tell %q: %v", why, err)
	}
	return err
}

func TestSecondOpenIsRefused(t *testing.T) {
	dir := newDir(t)
	s := mustOpen(t, Options{Dir: dir})
	err := refused(t, dir, "--cache-dir")
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), "pid ") {
		t.Errorf("got %v", err)
	}
	mustClose(t, s)
	mustClose(t, mustOpen(t, Options{Dir: dir}))
}

func TestDirectoryIsMadeForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(newDir(t), "a", "b")
	s := mustOpen(t, Options{Dir: dir})
	o := mustObject(t, s, "x", 10)
	o.WriteAt(make([]byte, 10), 0)
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory is %v, %v", info.Mode(), err)
	}
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, _ := e.Info(); info.Mode() != 0o600 {
			t.Errorf("%s is %v", e.Name(), info.Mode())
		}
	}
	if len(entries) != 3 {
		t.Errorf("there are %d files", len(entries))
	}
}

func TestForeignDirectoryIsRefused(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	letter := filepath.Join(dir, "letter.txt")
	if err := os.WriteFile(letter, []byte("dear"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "letter.txt")
	if b, err := os.ReadFile(letter); string(b) != "dear" {
		t.Errorf("the file is %q, %v", b, err)
	}
	marker := filepath.Join(dir, markerName)
	if err := os.WriteFile(marker, []byte("my notes on visorfs"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, "not visorfs's")
}

func TestMarkerThatAKillLeftEmptyIsTaken(t *testing.T) {
	dir := newDir(t)
	mustClose(t, mustOpen(t, Options{Dir: dir}))
	if err := os.Truncate(filepath.Join(dir, markerName), 0); err != nil {
		t.Fatal(err)
	}
	mustClose(t, mustOpen(t, Options{Dir: dir}))
}

func TestUnsafeDirectoryIsRefused(t *testing.T) {
	base := t.TempDir()
	open := filepath.Join(base, "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o770)); err != nil {
		t.Fatal(err)
	}
	refused(t, open, "chmod 700")

	link := filepath.Join(base, "link")
	if err := os.Symlink(t.TempDir(), link); err != nil {
		t.Fatal(err)
	}
	refused(t, link, "symbolic link")

	file := filepath.Join(base, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, file, "not a directory")

	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	others := filepath.Join(base, "others")
	if err := errors.Join(os.Mkdir(others, 0o700), os.Chown(others, 65534, 65534)); err != nil {
		t.Fatal(err)
	}
	refused(t, others, "another user")
}

func TestMarkerThatIsALinkIsRefused(t *testing.T) {
	dir, target := newDir(t), filepath.Join(t.TempDir(), "target")
	err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(target, nil, 0o600),
		os.Symlink(target, filepath.Join(dir, markerName)))
	if err != nil {
		t.Fatal(err)
	}
	refused(t, dir, markerName)
}
