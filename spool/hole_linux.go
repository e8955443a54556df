package spool

import (
	"os"

	"golang.org/x/sys/unix"
)

// punch gives a range of f back to the filesystem. It reads as zeros then.
func punch(f *os.File, off, end int64) error {
	return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, end-off)
}
