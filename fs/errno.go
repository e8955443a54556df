package fs

import (
	"context"
	"errors"
	"log/slog"
	"syscall"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/spool"
	"github.com/visorfs/visorfs/visclient"
)

// Errors of this room.
var (
	errStale       = errors.New("the image was replaced or deleted on the server")
	errBusy        = errors.New("the image is being uploaded")
	errFailedImage = errors.New("the image's upload failed: it has no data (write it again, or remove it)")
	errRetired     = errors.New("the file is not being written any more")
	errPermission  = errors.New("only the server changes this attribute")
	errUnsupported = errors.New("not supported yet")

	errStopping = errors.New("the mount is ending: it finishes what is being written, and begins nothing new")
	errStopped  = errors.New("the mount ended before the upload did")

	errPassedThrough = errors.New("a program has the image open, and the kernel reads it from the disk cache by itself; close it first, or mount with --no-passthrough")

	errOverwritten = errors.New("another program emptied the file and writes it; what this one wrote is lost")
	errNoOverwrite = errors.New("changing what is stored is forbidden by -o no_overwrite")
)

// errnos maps errors to what a program sees; the first that fits counts.
var errnos = []struct {
	err   error
	errno syscall.Errno
}{
	{context.Canceled, syscall.EINTR},
	{errKilled, syscall.EINTR},
	{errStale, syscall.ESTALE},
	{errBusy, syscall.EBUSY},
	{errStopping, syscall.EROFS},
	{errStopped, syscall.EIO},
	{errPassedThrough, syscall.EBUSY},
	{errFailedImage, syscall.EIO},
	{errPermission, syscall.EPERM},
	{errNoOverwrite, syscall.EPERM},
	{errUnlisted, syscall.EPERM},
	{errSelectsAll, syscall.EPERM},
	{errLitter, syscall.EPERM},
	{errNamesakes, syscall.EEXIST},
	{errUnsupported, syscall.EOPNOTSUPP},
	{errOverwritten, syscall.EIO},
	{spool.ErrNoRoom, syscall.ENOSPC},
	{visclient.ErrMismatch, syscall.EIO},
	{visclient.ErrTooLong, syscall.ENAMETOOLONG},
	{visclient.ErrTooLarge, syscall.EFBIG},
	{visclient.ErrTimeout, syscall.ETIMEDOUT},
	{visclient.ErrInvalid, syscall.EINVAL},
	{visclient.ErrForbidden, syscall.EACCES},
	{visclient.ErrNotFound, syscall.ENOENT},
	{visclient.ErrConflict, syscall.EBUSY},
	{visclient.ErrNoSpace, syscall.ENOSPC},
}

func toErrno(err error) syscall.Errno {
	if err == nil {
		return 0
	}
	for _, e := range errnos {
		if errors.Is(err, e.err) {
			return e.errno
		}
	}
	var invalid *meta.InvalidError
	if errors.As(err, &invalid) {
		return syscall.EINVAL
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && isOurs(err) {
		return errno
	}
	return syscall.EIO
}

// isOurs reports whether an errno was chosen here. One that comes out of the
// network stack speaks of a socket, not of the image.
func isOurs(err error) bool {
	_, bare := err.(syscall.Errno)
	return bare
}

// errno maps an operation's error to what the program sees, and logs it: this is
// the one place where a failed operation is logged.
func (v *volume) errno(op, path string, id meta.ID, err error) syscall.Errno {
	errno := toErrno(err)
	switch errno {
	case 0, syscall.EINTR:
		return errno
	}
	switch err {
	case errStale: // a path that the kernel remembers a moment too long; it looks again
		return errno
	case syscall.ENOENT, syscall.EEXIST, syscall.ENOTEMPTY, syscall.EISDIR, syscall.ENOTDIR, syscall.EINVAL: // answers that programs ask for
		return errno
	}
	attrs := []any{"path", "/" + path, "errno", errno.Error()}
	var e *visclient.Error
	if errors.As(err, &e) && id == "" {
		id = e.ID
	}
	if id != "" {
		attrs = append(attrs, "id", string(id))
	}
	if e != nil && e.StatusCode != 0 {
		attrs = append(attrs, "status", e.StatusCode)
	}
	v.log.Log(context.Background(), level(err, errno), op+": "+err.Error(), attrs...)
	return errno
}

// level is that of a failure which the program or its user brought about, or of one
// that somebody should look at.
func level(err error, errno syscall.Errno) slog.Level {
	if err == errLitter { // the Finder tries with every file and directory
		return slog.LevelDebug
	}
	switch errno {
	case syscall.EINVAL, syscall.EPERM, syscall.EACCES, syscall.ENOENT, syscall.EBUSY, syscall.EOPNOTSUPP, syscall.ENAMETOOLONG, syscall.EFBIG, syscall.EEXIST, syscall.EROFS:
		return slog.LevelWarn
	}
	return slog.LevelError
}
