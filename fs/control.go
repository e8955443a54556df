package fs

import (
	"context"
	"os"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// control is the directory in the root in which the mount tells of itself.
const control = ".visorfs"

// controlDir is that directory. It is for who mounted alone.
type controlDir struct{ special }

func (d *controlDir) fill(out *fuse.Attr) {
	d.vol.fillSpecial(out)
	out.Mode = fuse.S_IFDIR | 0o500
	out.Owner = ourselves()
}

// ourselves are who mounted, whomever the images are said to belong to.
func ourselves() fuse.Owner {
	return fuse.Owner{Uid: uint32(os.Geteuid()), Gid: uint32(os.Getegid())}
}

var _ = (gofuse.NodeGetattrer)((*controlDir)(nil))

// Getattr says that the directory belongs to who mounted.
func (d *controlDir) Getattr(_ context.Context, _ gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	d.fill(&out.Attr)
	out.SetTimeout(localTTL)
	return 0
}

var _ = (gofuse.NodeLookuper)((*controlDir)(nil))

// Lookup finds one of the files.
func (d *controlDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	c := d.vol.control(name)
	if c.read == nil {
		return nil, syscall.ENOENT
	}
	f := &controlFile{control: c, vol: d.vol}
	f.fill(&out.Attr)
	out.SetEntryTimeout(localTTL)
	out.SetAttrTimeout(localTTL)
	return d.NewInode(ctx, f, gofuse.StableAttr{Mode: fuse.S_IFREG, Ino: controlIno(name)}), 0
}

func controlIno(name string) uint64 { return hashIno("control", name) }

var _ = (gofuse.NodeReaddirer)((*controlDir)(nil))

// Readdir lists the files.
func (d *controlDir) Readdir(context.Context) (gofuse.DirStream, syscall.Errno) {
	var entries []fuse.DirEntry
	for _, name := range controlNames {
		if d.vol.control(name).read != nil {
			entries = append(entries, fuse.DirEntry{Name: name, Mode: fuse.S_IFREG, Ino: controlIno(name)})
		}
	}
	return gofuse.NewListDirStream(entries), 0
}

// controlFile is a file whose text is made when it is opened.
type controlFile struct {
	gofuse.Inode
	control controlled
	vol     *volume
}

func (f *controlFile) fill(out *fuse.Attr) {
	f.vol.fillSpecial(out)
	out.Mode = fuse.S_IFREG | 0o400
	if f.control.write != nil {
		out.Mode |= 0o200
	}
	out.Nlink = 1
	out.Owner = ourselves()
}

var _ = (gofuse.NodeGetattrer)((*controlFile)(nil))

// Getattr gives no length: that is known to who has opened the file.
func (f *controlFile) Getattr(_ context.Context, _ gofuse.FileHandle, out *fuse.AttrOut) syscall.Errno {
	f.fill(&out.Attr)
	out.SetTimeout(localTTL)
	return 0
}

var _ = (gofuse.NodeSetattrer)((*controlFile)(nil))

// Setattr lets a shell empty the file before it writes: that changes nothing.
func (f *controlFile) Setattr(ctx context.Context, h gofuse.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	const others = fuse.FATTR_MODE | fuse.FATTR_UID | fuse.FATTR_GID
	if f.control.write == nil || in.Valid&others != 0 {
		return syscall.EPERM
	}
	return f.Getattr(ctx, h, out)
}

var _ = (gofuse.NodeStatfser)((*controlFile)(nil))

// Statfs is that of the mount.
func (f *controlFile) Statfs(ctx context.Context, out *fuse.StatfsOut) syscall.Errno {
	root, _ := f.Root().Operations().(*dirNode)
	return root.Statfs(ctx, out)
}

var _ = (gofuse.NodeOpener)((*controlFile)(nil))

// Open makes the text. The kernel keeps nothing of it.
func (f *controlFile) Open(_ context.Context, flags uint32) (gofuse.FileHandle, uint32, syscall.Errno) {
	if flags&syscall.O_ACCMODE != syscall.O_RDONLY && f.control.write == nil {
		return nil, 0, syscall.EACCES // for root, whom the mode does not stop
	}
	text, err := f.control.read()
	if err != nil {
		return nil, 0, f.vol.errno("open", f.Path(nil), "", err)
	}
	return &controlHandle{file: f, text: text}, fuse.FOPEN_DIRECT_IO, 0
}

// controlHandle is a file of the control directory as it was when it was opened.
type controlHandle struct {
	file *controlFile
	text []byte
}

var _ = (gofuse.FileReader)((*controlHandle)(nil))

func (h *controlHandle) Read(_ context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	from := min(off, int64(len(h.text)))
	return fuse.ReadResultData(dest[:copy(dest, h.text[from:])]), 0
}

var _ = (gofuse.FileWriter)((*controlHandle)(nil))

// Write takes effect at once.
func (h *controlHandle) Write(_ context.Context, data []byte, _ int64) (uint32, syscall.Errno) {
	if err := h.file.control.write(string(data)); err != nil {
		return 0, syscall.EINVAL
	}
	return uint32(len(data)), 0
}
