package hole

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Punch gives the n bytes from off on back to the filesystem. They read as zeros then. The
// length of the file stays.
func Punch(f *os.File, off, n int64) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var punched error
	err = conn.Control(func(fd uintptr) {
		punched = unix.Fallocate(int(fd), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, n)
	})
	return errors.Join(err, punched)
}
