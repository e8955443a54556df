package spool

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// ErrNoRoom is the cause when bytes can't be kept: the bound is reached, the disk or a quota
// is used up, or the file would be too large for the filesystem. It is unix.ENOSPC, too.
var ErrNoRoom = fmt.Errorf("no room in the spool; remove what nobody needs from its lost+found, or give a larger --spool-size or another --spool-dir: %w", unix.ENOSPC)

// noRoom makes an error that tells of a full disk one that is ErrNoRoom.
func noRoom(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) || errors.Is(err, unix.EFBIG) {
		return fmt.Errorf("%w: %w", ErrNoRoom, err)
	}
	return err
}

// leastFree is left to others by default, however large the disk: 5 % of what is free, at
// least 1 GiB, but never more than half of it.
const leastFree = 1 << 30

// defaultBytes is the bound where none is given, of what the disk has free and what is
// the spool's already.
func defaultBytes(dir string, lost int64) (int64, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, fmt.Errorf("free space: %w", err)
	}
	free := int64(fs.Bavail) * int64(fs.Bsize)
	return lost + free - min(max(free/20, leastFree), free/2), nil
}

// take takes n bytes of room, if they are free. What takes nothing always may.
func (d *Dir) take(n int64) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n > 0 && n > d.max-d.used-d.lost {
		return false
	}
	d.used += n
	return true
}

// IsSpacious reports whether less than half of the room is taken, so that there may be
// copies of what can be had elsewhere.
func (d *Dir) IsSpacious() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used+d.lost < d.max/2
}

func (d *Dir) give(n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.used -= n
}
