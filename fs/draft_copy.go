package fs

import (
	"context"
	"io"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"
)

// maxCopy is how much one copy_file_range does before the program may be interrupted.
const maxCopy = 16 << 20

var _ = (gofuse.NodeCopyFileRanger)((*imageNode)(nil))

// CopyFileRange copies within the mount without the bytes passing through the program.
func (n *imageNode) CopyFileRange(ctx context.Context, in gofuse.FileHandle, offIn uint64, _ *gofuse.Inode, out gofuse.FileHandle, offOut, size, _ uint64) (uint32, syscall.Errno) {
	to, ok := out.(*draftHandle)
	if !ok {
		return 0, syscall.EBADF
	}
	req := begin(ctx)
	defer req.done()
	done, err := copyRange(req, in, int64(offIn), to, int64(offOut), int64(min(size, maxCopy)))
	if err != nil && done == 0 {
		return 0, n.errno("copy_file_range", err)
	}
	return uint32(done), 0
}

// copyRange copies up to size bytes; fewer at the end of the source.
func copyRange(ctx context.Context, in gofuse.FileHandle, from int64, to *draftHandle, at, size int64) (done int64, err error) {
	buf := make([]byte, min(size, maxWrite))
	for done < size {
		n, err := readHandleAt(ctx, in, buf[:min(size-done, int64(len(buf)))], from+done)
		if n > 0 {
			if err := to.draft.write(ctx, to, buf[:n], at+done); err != nil {
				return done, err
			}
			done += int64(n)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func readHandleAt(ctx context.Context, h gofuse.FileHandle, p []byte, off int64) (int, error) {
	switch h := h.(type) {
	case *draftHandle:
		return h.draft.read(ctx, p, off)
	case *readHandle:
		return h.readAt(ctx, p, off)
	case passedHandle:
		return h.readAt(ctx, p, off)
	}
	return 0, syscall.EBADF
}

func (h *readHandle) readAt(ctx context.Context, p []byte, off int64) (int, error) {
	d, r, err := h.source(ctx)
	switch {
	case err != nil:
		return 0, err
	case d != nil:
		return d.read(ctx, p, off)
	}
	return r.ReadAt(ctx, p, off)
}

var _ = (gofuse.FileLseeker)((*draftHandle)(nil))

func (h *draftHandle) Lseek(_ context.Context, off uint64, whence uint32) (uint64, syscall.Errno) {
	return h.draft.seek(off, whence)
}

// seek knows of no holes: what is being written is data, up to its end.
func (d *draft) seek(off uint64, whence uint32) (uint64, syscall.Errno) {
	size := uint64(d.content.length())
	switch {
	case off >= size:
		return 0, syscall.ENXIO
	case whence == unix.SEEK_HOLE:
		return size, 0
	}
	return off, 0
}
