package fs

import "errors"

// ErrInUse is why a mount stays: files in it are open, or are the working directory of a
// program.
var ErrInUse = errors.New("it is in use")
