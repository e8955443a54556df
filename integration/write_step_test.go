//go:build linux

package integration

import (
	"cmp"
	"fmt"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// call is what a step of a write program does.
type call string

const (
	callOpen      call = "open"
	callClose     call = "close"
	callWrite     call = "pwrite"
	callMapped    call = "write through mmap"
	callRead      call = "pread"
	callReadFresh call = "read through a new handle"
	callFtruncate call = "ftruncate"
	callTruncate  call = "truncate"
	callFsync     call = "fsync"
	callRename    call = "rename"
	callUnlink    call = "unlink"
	callFallocate call = "fallocate"
	callCopyRange call = "copy_file_range"
	callSeekEnd   call = "lseek to the end"
	callSeekData  call = "lseek to data"
	callStat      call = "stat"
)

const (
	nameCount   = 3 // files that a program may have
	handleCount = 4 // that it may have open at once
)

// step is one system call of a write program. All it needs is in it, so that a program
// without some of its steps is a program still.
type step struct {
	call   call
	name   int // of the file, for calls that take a path
	to     int // the new name, for rename
	handle int // for calls that take a descriptor, and the one that open makes
	from   int // the handle that copy_file_range reads
	flags  int // of open, fallocate and rename
	off    int
	source int // where copy_file_range reads
	n      int // how many bytes, or the new length
	seed   uint64
}

// payload is what a pwrite writes: zeros for one seed in several. It must not be changed.
func (s step) payload() []byte {
	const apart = 61 // bytes from the payload of a seed to that of the next
	if s.seed%8 == 0 {
		return make([]byte, s.n)
	}
	return noise()[s.seed*apart:][:s.n]
}

// noise is what payloads are cut from: to make each anew takes longer than to write it.
var noise = sync.OnceValue(func() []byte { return random(250, 8<<20) })

func nameOf(i int) string { return string(rune('a' + i)) }

func (s step) String() string {
	switch s.call {
	case callOpen:
		return fmt.Sprintf("h%d = open(%s, %s)", s.handle, nameOf(s.name), cmp.Or(flagNames(s.flags, openFlags), "O_RDONLY"))
	case callClose, callFsync, callSeekEnd:
		return fmt.Sprintf("%s(h%d)", s.call, s.handle)
	case callWrite, callMapped:
		return fmt.Sprintf("%s(h%d, %d bytes of seed %d, at %d)", s.call, s.handle, s.n, s.seed, s.off)
	case callRead:
		return fmt.Sprintf("pread(h%d, %d bytes, at %d)", s.handle, s.n, s.off)
	case callSeekData:
		return fmt.Sprintf("lseek(h%d, %d, SEEK_DATA)", s.handle, s.off)
	case callFtruncate:
		return fmt.Sprintf("ftruncate(h%d, %d)", s.handle, s.n)
	case callTruncate:
		return fmt.Sprintf("truncate(%s, %d)", nameOf(s.name), s.n)
	case callRename:
		return fmt.Sprintf("rename(%s, %s, %s)", nameOf(s.name), nameOf(s.to), cmp.Or(flagNames(s.flags, renameFlags), "0"))
	case callFallocate:
		return fmt.Sprintf("fallocate(h%d, %s, %d bytes at %d)", s.handle, cmp.Or(flagNames(s.flags, fallocateFlags), "0"), s.n, s.off)
	case callCopyRange:
		return fmt.Sprintf("copy_file_range(h%d at %d, h%d at %d, %d bytes)", s.from, s.source, s.handle, s.off, s.n)
	default:
		return fmt.Sprintf("%s(%s)", s.call, nameOf(s.name))
	}
}

type flagName struct {
	flag int
	name string
}

var (
	openFlags = []flagName{
		{unix.O_WRONLY, "O_WRONLY"}, {unix.O_RDWR, "O_RDWR"}, {unix.O_CREAT, "O_CREAT"},
		{unix.O_EXCL, "O_EXCL"}, {unix.O_TRUNC, "O_TRUNC"}, {unix.O_APPEND, "O_APPEND"},
	}
	renameFlags    = []flagName{{unix.RENAME_NOREPLACE, "RENAME_NOREPLACE"}}
	fallocateFlags = []flagName{
		{unix.FALLOC_FL_KEEP_SIZE, "KEEP_SIZE"}, {unix.FALLOC_FL_PUNCH_HOLE, "PUNCH_HOLE"}, {unix.FALLOC_FL_ZERO_RANGE, "ZERO_RANGE"},
	}
)

func flagNames(flags int, names []flagName) string {
	var set []string
	for _, f := range names {
		if flags&f.flag != 0 {
			set = append(set, f.name)
		}
	}
	return strings.Join(set, "|")
}

func source(program []step) string {
	var b strings.Builder
	for i, s := range program {
		fmt.Fprintf(&b, "  %2d  %s\n", i, s)
	}
	return b.String()
}
