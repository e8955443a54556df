package hole

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// block is that of APFS, of which holes are whole multiples.
const block = 4096

// Punch gives the n bytes from off on back to the filesystem. They read as zeros then. The
// length of the file stays.
func Punch(f *os.File, off, n int64) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if off+n > info.Size() { // a hole must end within the file
		return errors.Join(f.Truncate(off), f.Truncate(info.Size()))
	}
	end := off + n
	first, last := (off+block-1)/block*block, end/block*block
	if first >= last {
		return Fill(f, off, end)
	}
	return errors.Join(punch(f, first, last-first), Fill(f, off, first), Fill(f, last, end))
}

func punch(f *os.File, off, n int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	// fpunchhole_t is the first four fields of fstore_t, by other names.
	hole := unix.Fstore_t{Offset: off, Length: n}
	var punched error
	err = conn.Control(func(fd uintptr) { punched = unix.FcntlFstore(fd, unix.F_PUNCHHOLE, &hole) })
	return errors.Join(err, punched)
}
