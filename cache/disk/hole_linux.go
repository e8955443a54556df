package disk

import (
	"os"

	"golang.org/x/sys/unix"
)

// punch gives a range of f back to the filesystem. It reads as zeros then.
func punch(f *os.File, off, n int64) error {
	return control(f, func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
}
