package fs

// IsKilled reports that macOS ends the mount of a program that was killed by itself.
func (e *Entry) IsKilled() bool { return false }

// Free ends a mount whose program is gone.
func (e *Entry) Free() error { return Unmount(e.Dir, true) }
