package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/internal/owner"
)

const (
	// markerName is of the file that says that a directory is a cache, and is locked by
	// the process that uses it. It begins with markerText.
	markerName = "visorfs-cache"
	markerText = "visorfs disk cache\n"
)

// ErrInUse is the cause when another process has the directory.
var ErrInUse = errors.New("another visorfs uses it; give this one another --cache-dir")

// claimDir makes dir a cache that is this process's until the marker is closed.
func claimDir(dir string) (marker *os.File, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := owner.CheckDir(dir, "--cache-dir"); err != nil {
		return nil, err
	}
	marker, err = openMarker(dir)
	if err != nil {
		return nil, err
	}
	if err := lock(marker); err != nil {
		_ = marker.Close()
		return nil, err
	}
	return marker, nil
}

func openMarker(dir string) (*os.File, error) {
	path := filepath.Join(dir, markerName)
	f, err := owner.Open(path, os.O_RDWR)
	if !errors.Is(err, fs.ErrNotExist) {
		return checkMarker(f, err)
	}
	if err := checkEmpty(dir); err != nil {
		return nil, err
	}
	return owner.Open(path, os.O_RDWR|os.O_CREATE)
}

func checkMarker(f *os.File, err error) (*os.File, error) {
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, int64(len(markerText))))
	if err == nil && (len(b) == 0 || string(b) == markerText) { // a kill may have left it empty
		_, err = f.Seek(0, io.SeekStart)
		return f, err
	}
	_ = f.Close()
	return nil, errors.Join(fmt.Errorf("%s in it is not visorfs's; give another --cache-dir", markerName), err)
}

func checkEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		// The marker may be of a process that came first just now.
		if e.Name() != "lost+found" && e.Name() != markerName {
			return fmt.Errorf("it has files that are not a cache's (%q); give an empty --cache-dir", e.Name())
		}
	}
	return nil
}

// lockPatience is how long a process that has just been killed may take to end.
const lockPatience = time.Second

// lock makes marker this process's, and says so in it.
func lock(marker *os.File) error {
	var err error
	for deadline := time.Now().Add(lockPatience); ; time.Sleep(10 * time.Millisecond) {
		err = control(marker, func(fd int) error { return unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) })
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(deadline) {
			break
		}
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return fmt.Errorf("%w%s", ErrInUse, holder(marker))
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", marker.Name(), err)
	}
	// On a full disk it stays empty, which is as good.
	_ = marker.Truncate(0)
	_, _ = fmt.Fprintf(marker, "%spid %d\n", markerText, os.Getpid())
	return nil
}

// holder tells which process says in the marker that it has it.
func holder(marker *os.File) string {
	b := make([]byte, 100)
	n, _ := marker.ReadAt(b, 0)
	if _, line, ok := strings.Cut(string(b[:n]), markerText); ok {
		return " (" + strings.TrimSpace(line) + ")"
	}
	return ""
}
