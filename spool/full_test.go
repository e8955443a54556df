package spool

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/internal/smalldisk"
)

func TestFullDiskRefusesAndDamagesNothing(t *testing.T) {
	t.Parallel()
	for _, noHoles := range []bool{false, true} {
		t.Log("no holes:", noHoles)
		d := mustOpen(t, Options{Dir: smalldisk.New(t), MaxBytes: 1 << 30})
		d.noHoles = noHoles
		f := mustCreate(t, d, "x")
		b := someBytes(1, 1<<20)
		mustWrite(t, f, b, 0)
		must(t, f.Zero(1<<20, 3<<20))
		n, err := f.WriteAt(someBytes(2, 3<<20), 1<<19) // over data, zeros, and nothing
		if n != 0 || !errors.Is(err, ErrNoRoom) || !errors.Is(err, unix.ENOSPC) {
			t.Fatalf("wrote %d: %v", n, err)
		}
		wantBytes(t, f, append(b, make([]byte, 2<<20)...), 0)
		if to, _ := f.Extent(0, 4<<20); to != 3<<20 {
			t.Errorf("written up to %d", to)
		}
		wantRoom(t, d, 1<<20)
		must(t, f.Zero(3<<20, 4<<20))
		wantBytes(t, f, make([]byte, 1<<20), 3<<20)
		if !noHoles {
			mustWrite(t, f, b[:1<<19], 2<<20)
			wantBytes(t, f, append(b[:1<<19:1<<19], make([]byte, 1<<19)...), 2<<20)
		}
		must(t, f.Close())
		mustWrite(t, mustCreate(t, d, "y"), b, 0)
	}
}

func TestFullDiskEvicts(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: smalldisk.New(t), MaxBytes: 1 << 30})
	b := someBytes(1, 1<<20)
	kept, evicted := mustKeep(t, d, "kept", b)
	f := mustCreate(t, d, "x")
	mustWrite(t, f, b, 1<<19)
	mustWrite(t, f, b[:1<<19], 0)
	<-evicted
	if isOpen(t, kept) {
		t.Error("the copy is still there")
	}
	wantBytes(t, f, append(b[:1<<19:1<<19], b...), 0)
}

func TestFileTooLargeForTheFilesystemIsNoReasonToEvict(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	kept, _ := mustKeep(t, d, "kept", []byte("x"))
	f := mustCreate(t, d, "x")
	for _, off := range []int64{1<<63 - 5, 1<<63 - 100} {
		if _, err := f.WriteAt(make([]byte, 10), off); !errors.Is(err, ErrNoRoom) {
			t.Errorf("at %d: %v", off, err)
		}
	}
	if !isOpen(t, kept) {
		t.Error("the copy has gone")
	}
	if f.Bytes() != 0 || f.Whole(1) {
		t.Error("something is written")
	}
}
