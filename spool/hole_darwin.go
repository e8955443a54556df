package spool

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// holeBytes is the block of APFS, of which holes are whole multiples.
const holeBytes = 4096

// punch gives a range of f, which ends within it, back to the filesystem. It reads as
// zeros then.
func punch(f *os.File, off, end int64) error {
	first := (off + holeBytes - 1) / holeBytes * holeBytes
	last := end / holeBytes * holeBytes
	if first >= last {
		return fill(f, off, end)
	}
	// fpunchhole_t is the first four fields of fstore_t, by other names.
	hole := unix.Fstore_t{Offset: first, Length: last - first}
	err := unix.FcntlFstore(f.Fd(), unix.F_PUNCHHOLE, &hole)
	return errors.Join(err, fill(f, off, first), fill(f, last, end))
}
