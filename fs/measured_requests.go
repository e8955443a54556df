package fs

import (
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// Each request passes here, see [measured]. Arguments are evaluated in their order, so that
// the time is taken before the request is.

func (m *measured) Lookup(cancel <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	began := time.Now()
	status := m.RawFileSystem.Lookup(cancel, in, name, out)
	if status == fuse.OK && out.NodeId == 0 { // nothing, which the kernel may remember
		m.note(opLookup, began, fuse.ENOENT)
		return status
	}
	return m.note(opLookup, began, status)
}

func (m *measured) GetAttr(cancel <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return m.note(opGetattr, time.Now(), m.RawFileSystem.GetAttr(cancel, in, out))
}

func (m *measured) SetAttr(cancel <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return m.note(opSetattr, time.Now(), m.RawFileSystem.SetAttr(cancel, in, out))
}

func (m *measured) Statx(cancel <-chan struct{}, in *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	return m.note(opStatx, time.Now(), m.RawFileSystem.Statx(cancel, in, out))
}

func (m *measured) Mknod(cancel <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	return m.note(opMknod, time.Now(), m.RawFileSystem.Mknod(cancel, in, name, out))
}

func (m *measured) Mkdir(cancel <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return m.note(opMkdir, time.Now(), m.RawFileSystem.Mkdir(cancel, in, name, out))
}

func (m *measured) Unlink(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return m.note(opUnlink, time.Now(), m.RawFileSystem.Unlink(cancel, in, name))
}

func (m *measured) Rmdir(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return m.note(opRmdir, time.Now(), m.RawFileSystem.Rmdir(cancel, in, name))
}

func (m *measured) Rename(cancel <-chan struct{}, in *fuse.RenameIn, from, to string) fuse.Status {
	return m.note(opRename, time.Now(), m.RawFileSystem.Rename(cancel, in, from, to))
}

func (m *measured) Link(cancel <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	return m.note(opLink, time.Now(), m.RawFileSystem.Link(cancel, in, name, out))
}

func (m *measured) Symlink(cancel <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	return m.note(opSymlink, time.Now(), m.RawFileSystem.Symlink(cancel, in, target, name, out))
}

func (m *measured) Access(cancel <-chan struct{}, in *fuse.AccessIn) fuse.Status {
	return m.note(opAccess, time.Now(), m.RawFileSystem.Access(cancel, in))
}

func (m *measured) SetXAttr(cancel <-chan struct{}, in *fuse.SetXAttrIn, name string, value []byte) fuse.Status {
	return m.note(opSetxattr, time.Now(), m.RawFileSystem.SetXAttr(cancel, in, name, value))
}

func (m *measured) RemoveXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return m.note(opRemovexattr, time.Now(), m.RawFileSystem.RemoveXAttr(cancel, in, name))
}

func (m *measured) Create(cancel <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	return m.note(opCreate, time.Now(), m.RawFileSystem.Create(cancel, in, name, out))
}

func (m *measured) Tmpfile(cancel <-chan struct{}, in *fuse.CreateIn, out *fuse.CreateOut) fuse.Status {
	return m.note(opTmpfile, time.Now(), m.RawFileSystem.Tmpfile(cancel, in, out))
}

func (m *measured) Open(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return m.note(opOpen, time.Now(), m.RawFileSystem.Open(cancel, in, out))
}

func (m *measured) Lseek(cancel <-chan struct{}, in *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	return m.note(opLseek, time.Now(), m.RawFileSystem.Lseek(cancel, in, out))
}

func (m *measured) GetLk(cancel <-chan struct{}, in *fuse.LkIn, out *fuse.LkOut) fuse.Status {
	return m.note(opGetlk, time.Now(), m.RawFileSystem.GetLk(cancel, in, out))
}

func (m *measured) SetLk(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	return m.note(opSetlk, time.Now(), m.RawFileSystem.SetLk(cancel, in))
}

func (m *measured) SetLkw(cancel <-chan struct{}, in *fuse.LkIn) fuse.Status {
	return m.note(opSetlkw, time.Now(), m.RawFileSystem.SetLkw(cancel, in))
}

func (m *measured) Ioctl(cancel <-chan struct{}, in *fuse.IoctlIn, given []byte, out *fuse.IoctlOut, answer []byte) fuse.Status {
	return m.note(opIoctl, time.Now(), m.RawFileSystem.Ioctl(cancel, in, given, out, answer))
}

func (m *measured) Flush(cancel <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	return m.note(opFlush, time.Now(), m.RawFileSystem.Flush(cancel, in))
}

func (m *measured) Fsync(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return m.note(opFsync, time.Now(), m.RawFileSystem.Fsync(cancel, in))
}

func (m *measured) Fallocate(cancel <-chan struct{}, in *fuse.FallocateIn) fuse.Status {
	return m.note(opFallocate, time.Now(), m.RawFileSystem.Fallocate(cancel, in))
}

func (m *measured) OpenDir(cancel <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return m.note(opOpendir, time.Now(), m.RawFileSystem.OpenDir(cancel, in, out))
}

func (m *measured) ReadDir(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return m.note(opReaddir, time.Now(), m.RawFileSystem.ReadDir(cancel, in, out))
}

func (m *measured) ReadDirPlus(cancel <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return m.note(opReaddirplus, time.Now(), m.RawFileSystem.ReadDirPlus(cancel, in, out))
}

func (m *measured) FsyncDir(cancel <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	return m.note(opFsyncdir, time.Now(), m.RawFileSystem.FsyncDir(cancel, in))
}

func (m *measured) StatFs(cancel <-chan struct{}, in *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	return m.note(opStatfs, time.Now(), m.RawFileSystem.StatFs(cancel, in, out))
}

func (m *measured) Readlink(cancel <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	began := time.Now()
	result, status := m.RawFileSystem.Readlink(cancel, in)
	return result, m.note(opReadlink, began, status)
}

func (m *measured) GetXAttr(cancel <-chan struct{}, in *fuse.InHeader, name string, dest []byte) (uint32, fuse.Status) {
	began := time.Now()
	result, status := m.RawFileSystem.GetXAttr(cancel, in, name, dest)
	return result, m.note(opGetxattr, began, status)
}

func (m *measured) ListXAttr(cancel <-chan struct{}, in *fuse.InHeader, dest []byte) (uint32, fuse.Status) {
	began := time.Now()
	result, status := m.RawFileSystem.ListXAttr(cancel, in, dest)
	return result, m.note(opListxattr, began, status)
}

func (m *measured) Read(cancel <-chan struct{}, in *fuse.ReadIn, dest []byte) (fuse.ReadResult, fuse.Status) {
	began := time.Now()
	result, status := m.RawFileSystem.Read(cancel, in, dest)
	return result, m.note(opRead, began, status)
}

func (m *measured) CopyFileRange(cancel <-chan struct{}, in *fuse.CopyFileRangeIn) (uint32, fuse.Status) {
	began := time.Now()
	result, status := m.RawFileSystem.CopyFileRange(cancel, in)
	return result, m.note(opCopyFileRange, began, status)
}

func (m *measured) Write(cancel <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	began := time.Now()
	written, status := m.RawFileSystem.Write(cancel, in, data)
	return written, m.note(opWrite, began, status)
}

// Writev is the same request as Write, which follows where nodes have no Writev.
func (m *measured) Writev(cancel <-chan struct{}, in *fuse.WriteIn, data [][]byte) (uint32, fuse.Status) {
	began := time.Now()
	written, status := m.RawFileSystem.Writev(cancel, in, data)
	if status == fuse.ENOSYS {
		return written, status
	}
	return written, m.note(opWrite, began, status)
}

func (m *measured) Release(cancel <-chan struct{}, in *fuse.ReleaseIn) {
	began := time.Now()
	m.RawFileSystem.Release(cancel, in)
	m.note(opRelease, began, fuse.OK)
}

func (m *measured) ReleaseDir(in *fuse.ReleaseIn) {
	began := time.Now()
	m.RawFileSystem.ReleaseDir(in)
	m.note(opReleasedir, began, fuse.OK)
}

func (m *measured) Forget(node, lookups uint64) {
	began := time.Now()
	m.RawFileSystem.Forget(node, lookups)
	m.note(opForget, began, fuse.OK)
}
