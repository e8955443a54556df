//go:build linux

package integration

import (
	"bytes"
	"encoding/binary"
	"os"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// watcher notes what inotify tells of files.
type watcher struct {
	t  *testing.T
	fd int

	mu    sync.Mutex
	paths map[int32]string
	seen  map[string]uint32 // events of a path, all of them
}

func startWatcher(t *testing.T) *watcher {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{t: t, fd: fd, paths: make(map[int32]string), seen: make(map[string]uint32)}
	f := os.NewFile(uintptr(fd), "inotify")
	over := make(chan struct{})
	go func() {
		defer close(over)
		w.read(f)
	}()
	t.Cleanup(func() {
		_ = f.Close()
		<-over
	})
	return w
}

func (w *watcher) read(f *os.File) {
	buf := make([]byte, 64<<10)
	for {
		n, err := f.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		for rest := buf[:n]; len(rest) > 0; {
			var event unix.InotifyEvent
			_ = binary.Read(bytes.NewReader(rest), binary.NativeEndian, &event)
			w.seen[w.paths[event.Wd]] |= event.Mask
			rest = rest[unix.SizeofInotifyEvent+int(event.Len):]
		}
		w.mu.Unlock()
	}
}

func (w *watcher) watch(path string) {
	w.t.Helper()
	wd, err := unix.InotifyAddWatch(w.fd, path, unix.IN_ALL_EVENTS)
	if err != nil {
		w.t.Fatal(err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paths[int32(wd)] = path
}

// events returns what was told of a path so far.
func (w *watcher) events(path string) uint32 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[path]
}
