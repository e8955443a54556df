package spool

import (
	"errors"
	"fmt"
	"os"
	"testing"
)

// isOpen reports whether a file can be read.
func isOpen(t *testing.T, f *File) bool {
	t.Helper()
	f.mu.RLock()
	defer f.mu.RUnlock()
	return !f.closed
}

func mustKeep(t *testing.T, d *Dir, name string, b []byte) (f *File, evicted chan struct{}) {
	t.Helper()
	f = mustCreate(t, d, name)
	mustWrite(t, f, b, 0)
	must(t, f.Unlink())
	evicted = make(chan struct{})
	f.Keep(func() { close(evicted) })
	return f, evicted
}

func TestKeptFilesGoInTheOrderOfTheirLastRead(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t), MaxBytes: 4000})
	b := someBytes(1, 1000)
	first, firstGone := mustKeep(t, d, "first", b)
	second, secondGone := mustKeep(t, d, "second", b)
	third, thirdGone := mustKeep(t, d, "third", b)
	wantBytes(t, first, b, 0)
	f := mustCreate(t, d, "new")
	mustWrite(t, f, b, 0)
	if !isOpen(t, first) || !isOpen(t, second) || !isOpen(t, third) {
		t.Fatal("one has gone for nothing")
	}
	for i, c := range []struct {
		f    *File
		gone chan struct{}
	}{{second, secondGone}, {third, thirdGone}, {first, firstGone}} {
		mustWrite(t, f, b, int64(i+1)*1000)
		if isOpen(t, c.f) {
			t.Errorf("%s is still there", c.f.name)
		}
		<-c.gone
		if i == 0 && !isOpen(t, first) {
			t.Error("more have gone than must")
		}
	}
	if _, err := f.WriteAt(b, 4000); !errors.Is(err, ErrNoRoom) {
		t.Errorf("there is room: %v", err)
	}
	wantRoom(t, d, 4000)
}

func TestFileDoesNotGoForItsOwnRoom(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t), MaxBytes: 1000})
	b := someBytes(1, 1000)
	f, _ := mustKeep(t, d, "written", b)
	if _, err := f.WriteAt(b, 1000); !errors.Is(err, ErrNoRoom) {
		t.Errorf("there is room: %v", err)
	}
	wantBytes(t, f, b, 0)
}

// evict may wait for locks under which files are written and kept.
func TestEvictMayWaitForTheWriter(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t), MaxBytes: 1000})
	kept := mustCreate(t, d, "kept")
	mustWrite(t, kept, someBytes(1, 1000), 0)
	wrote, evicted := make(chan struct{}), make(chan error)
	kept.Keep(func() {
		<-wrote
		evicted <- kept.Close()
	})
	mustWrite(t, mustCreate(t, d, "x"), someBytes(2, 1000), 0)
	close(wrote)
	must(t, <-evicted)
}

func TestKeptFilesAreBoundedInNumber(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	var files []*File
	for i := range maxKept + 3 {
		f, _ := mustKeep(t, d, fmt.Sprint(i), []byte("x"))
		files = append(files, f)
	}
	for i, f := range files {
		if isOpen(t, f) != (i >= 3) {
			t.Errorf("%d: open is %t", i, isOpen(t, f))
		}
	}
	wantRoom(t, d, maxKept)
}

func TestRoomOfRemovedLostFilesIsFound(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t), MaxBytes: 1 << 20})
	lost := mustCreate(t, d, "lost")
	mustWrite(t, lost, someBytes(1, 1<<19), 0)
	path, err := lost.Lose(1 << 19)
	must(t, err)
	f := mustCreate(t, d, "x")
	b := someBytes(2, 3<<18)
	if _, err := f.WriteAt(b, 0); !errors.Is(err, ErrNoRoom) {
		t.Errorf("lost+found doesn't count: %v", err)
	}
	must(t, os.Remove(path))
	mustWrite(t, f, b, 0)
}
