package disk

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// punch gives a range of f back to the filesystem. It reads as zeros then. The range is of
// whole pages, or goes on beyond the end of f.
func punch(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if off+n > info.Size() { // a hole must end within the file
		return errors.Join(f.Truncate(off), f.Truncate(info.Size()))
	}
	// fpunchhole_t is the first four fields of fstore_t, by other names.
	hole := unix.Fstore_t{Offset: off, Length: n}
	return control(f, func(fd int) error {
		return unix.FcntlFstore(uintptr(fd), unix.F_PUNCHHOLE, &hole)
	})
}
