package fs

import (
	"context"
	"syscall"
	"time"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// dirAttr is what was set of a directory. VIS has no directories, so it is kept as long
// as the kernel knows this one: cp -a, tar and rsync look at what they set.
type dirAttr struct {
	mode  uint32    // permission bits, if moded
	moded bool      // mode was set
	atime time.Time // zero for that of the mount, as with mtime
	mtime time.Time
}

var _ = (gofuse.NodeGetattrer)((*dirNode)(nil))

func (d *dirNode) Getattr(_ context.Context, _ gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.fill(&out.Attr)
	out.SetTimeout(localTTL)
	return 0
}

func (d *dirNode) fill(out *fuse.Attr) {
	d.mu.Lock()
	kept := d.kept
	d.mu.Unlock()
	mode := uint32(0o755)
	if kept.moded {
		mode = kept.mode
	}
	out.Mode = fuse.S_IFDIR | mode&^d.vol.umask
	out.Nlink = 2
	out.Owner = d.vol.owner
	atime, mtime, ctime := d.vol.mounted, d.vol.mounted, d.vol.mounted
	if !kept.atime.IsZero() {
		atime = kept.atime
	}
	if !kept.mtime.IsZero() {
		mtime = kept.mtime
	}
	out.SetTimes(&atime, &mtime, &ctime)
}

var _ = (gofuse.NodeSetattrer)((*dirNode)(nil))

// Setattr keeps times and permissions. An owner is accepted and ignored.
func (d *dirNode) Setattr(ctx context.Context, f gofuse.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	d.mu.Lock()
	if mode, ok := in.GetMode(); ok {
		d.kept.mode, d.kept.moded = mode&0o7777, true
	}
	if atime, ok := in.GetATime(); ok {
		d.kept.atime = atime
	}
	if mtime, ok := in.GetMTime(); ok {
		d.kept.mtime = mtime
	}
	d.mu.Unlock()
	return d.Getattr(ctx, f, out)
}

var _ = (gofuse.NodeSetxattrer)((*dirNode)(nil))

// Setxattr says that there is no such thing, POSIX ACLs included: cp -a does without.
func (d *dirNode) Setxattr(context.Context, string, []byte, uint32) syscall.Errno {
	return syscall.ENOTSUP
}
