package fs

import "syscall"

// noAttribute is the errno for an extended attribute that a file does not have.
const noAttribute = syscall.ENODATA
