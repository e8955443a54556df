package fs

import (
	"sync/atomic"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/internal/latency"
)

// operation is a kind of request of the kernel.
type operation int

const (
	opAccess operation = iota
	opCopyFileRange
	opCreate
	opFallocate
	opFlush
	opForget
	opFsync
	opFsyncdir
	opGetattr
	opGetlk
	opGetxattr
	opIoctl
	opLink
	opListxattr
	opLookup
	opLseek
	opMkdir
	opMknod
	opOpen
	opOpendir
	opRead
	opReaddir
	opReaddirplus
	opReadlink
	opRelease
	opReleasedir
	opRemovexattr
	opRename
	opRmdir
	opSetattr
	opSetlk
	opSetlkw
	opSetxattr
	opStatfs
	opStatx
	opSymlink
	opTmpfile
	opUnlink
	opWrite
	operationCount
)

// operationNames are as Linux has them.
var operationNames = [operationCount]string{
	opAccess:        "access",
	opCopyFileRange: "copy_file_range",
	opCreate:        "create",
	opFallocate:     "fallocate",
	opFlush:         "flush",
	opForget:        "forget",
	opFsync:         "fsync",
	opFsyncdir:      "fsyncdir",
	opGetattr:       "getattr",
	opGetlk:         "getlk",
	opGetxattr:      "getxattr",
	opIoctl:         "ioctl",
	opLink:          "link",
	opListxattr:     "listxattr",
	opLookup:        "lookup",
	opLseek:         "lseek",
	opMkdir:         "mkdir",
	opMknod:         "mknod",
	opOpen:          "open",
	opOpendir:       "opendir",
	opRead:          "read",
	opReaddir:       "readdir",
	opReaddirplus:   "readdirplus",
	opReadlink:      "readlink",
	opRelease:       "release",
	opReleasedir:    "releasedir",
	opRemovexattr:   "removexattr",
	opRename:        "rename",
	opRmdir:         "rmdir",
	opSetattr:       "setattr",
	opSetlk:         "setlk",
	opSetlkw:        "setlkw",
	opSetxattr:      "setxattr",
	opStatfs:        "statfs",
	opStatx:         "statx",
	opSymlink:       "symlink",
	opTmpfile:       "tmpfile",
	opUnlink:        "unlink",
	opWrite:         "write",
}

// outcomes are how requests may end: 0, and each errno of the system below this.
const outcomes = 160

// measured counts the requests of the kernel by kind, outcome and time on their way to
// go-fuse's nodes. It adds some 100 ns to each. One that panics is counted as that alone.
type measured struct {
	fuse.RawFileSystem
	ops [operationCount]struct {
		outcomes [outcomes]atomic.Int64
		times    latency.Histogram
	}
	panics        atomic.Int64
	read, written atomic.Int64 // bytes of images, which the nodes count
}

// note counts a request that began at a time and has just ended. It returns the outcome.
func (m *measured) note(op operation, began time.Time, outcome fuse.Status) fuse.Status {
	n := &m.ops[op]
	n.times.Add(time.Since(began))
	n.outcomes[min(uint32(outcome), outcomes-1)].Add(1)
	return outcome
}

// Operation counts the requests of one kind that are over.
type Operation struct {
	Name     string           `json:"name"`     // like "lookup"
	Outcomes map[string]int64 `json:"outcomes"` // by "ok", or what the program was told, like "ENOENT"
	latency.Counts
}

// operations returns the kinds of which there were any, by name.
func (m *measured) operations() (all []Operation) {
	for i := range m.ops {
		n := &m.ops[i]
		o := Operation{Name: operationNames[i], Counts: n.times.Counts(), Outcomes: make(map[string]int64)}
		for errno := range n.outcomes {
			if count := n.outcomes[errno].Load(); count > 0 {
				o.Outcomes[outcomeName(errno)] += count
			}
		}
		if len(o.Outcomes) > 0 {
			all = append(all, o)
		}
	}
	return all
}

func outcomeName(errno int) string {
	if errno == 0 {
		return "ok"
	}
	if name := unix.ErrnoName(unix.Errno(errno)); name != "" {
		return name
	}
	return "other"
}
