//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

func readMapped(b *faultBench, s *subject) error {
	f, err := os.Open(s.path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	mapped, err := unix.Mmap(int(f.Fd()), 0, len(s.data), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Munmap(mapped) }()
	page := os.Getpagesize()
	for off := 0; off < len(mapped); off += page {
		end := min(off+page, len(mapped))
		var got []byte
		if err := b.timed(func() (err error) { got, err = copyMapped(mapped[off:end]); return err }); err != nil {
			return err
		}
		if !bytes.Equal(got, s.data[off:end]) {
			return fmt.Errorf("%w: those from %d on", errWrong, off)
		}
	}
	return nil
}

// copyMapped returns the bytes of a mapping, or errBus.
func copyMapped(mapped []byte) (got []byte, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if recover() != nil {
			err = errBus
		}
	}()
	return bytes.Clone(mapped), nil
}
