//go:build linux

package integration

import (
	"math/rand/v2"
	"slices"

	"golang.org/x/sys/unix"
)

// mostBytes is the size that no file of a write program exceeds.
const mostBytes = 3 << 20

// weight is how often a call comes among others.
type weight struct {
	call  call
	times int
}

// profile is a kind of write programs.
type profile struct {
	inOrder bool // each file is written once, from its start to its end, through one handle
	weights []weight
}

var inOrder = profile{inOrder: true, weights: []weight{
	{callOpen, 6}, {callWrite, 14}, {callClose, 4}, {callReadFresh, 3}, {callStat, 2}, {callUnlink, 1},
}}

var likeADisk = profile{weights: []weight{
	{callOpen, 10}, {callClose, 7}, {callWrite, 20}, {callRead, 6}, {callReadFresh, 5},
	{callFtruncate, 4}, {callTruncate, 3}, {callFsync, 4}, {callRename, 3}, {callUnlink, 1},
	{callFallocate, 3}, {callCopyRange, 3}, {callMapped, 4}, {callSeekEnd, 2}, {callSeekData, 2}, {callStat, 2},
}}

// generator makes a write program. It does each step with a model, so that most steps
// are of files and ranges that exist.
type generator struct {
	profile
	rng   *rand.Rand
	model model
}

// generate returns the program of a seed, which ends with all handles closed.
func (p profile) generate(seed uint64) []step {
	g := &generator{profile: p, rng: rand.New(rand.NewPCG(seed, 0))}
	var program []step
	for length := 10 + g.rng.IntN(21); len(program) < length; {
		if s := g.step(); g.suits(s) {
			g.model.apply(s)
			program = append(program, s)
		}
	}
	for handle, h := range g.model.handles {
		if h != nil {
			program = append(program, step{call: callClose, handle: handle})
		}
	}
	return program
}

func (g *generator) step() step {
	s := step{
		call: g.pickCall(), name: g.rng.IntN(nameCount), to: g.rng.IntN(nameCount),
		handle: g.rng.IntN(handleCount), from: g.rng.IntN(handleCount),
		seed: uint64(g.rng.IntN(1 << 16)),
	}
	size := g.sizeFor(s)
	s.off, s.n = g.span(size)
	switch s.call {
	case callOpen:
		s.flags = g.openFlags()
	case callWrite:
		if g.inOrder {
			s.off = size
		}
	case callMapped:
		s.n = min(s.n, size-s.off)
	case callTruncate, callFtruncate:
		s.n = s.off
	case callRename:
		s.flags = pick(g.rng, 0, 0, 0, unix.RENAME_NOREPLACE)
	case callFallocate:
		s.flags = pick(g.rng, 0, unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE,
			unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, unix.FALLOC_FL_ZERO_RANGE,
			unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE)
	case callCopyRange:
		if from := g.model.handles[s.from]; from != nil {
			s.source, _ = g.span(len(from.file.data))
		}
	}
	s.n = min(s.n, mostBytes-s.off)
	return s
}

func (g *generator) pickCall() call {
	sum := 0
	for _, w := range g.weights {
		sum += w.times
	}
	at := g.rng.IntN(sum)
	i := slices.IndexFunc(g.weights, func(w weight) bool { at -= w.times; return at < 0 })
	return g.weights[i].call
}

func (g *generator) openFlags() int {
	if g.inOrder {
		return unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC
	}
	flags := pick(g.rng, unix.O_RDONLY, unix.O_WRONLY, unix.O_WRONLY, unix.O_RDWR, unix.O_RDWR, unix.O_RDWR)
	if flags == unix.O_RDONLY {
		return flags
	}
	return flags | pick(g.rng, 0, 0, unix.O_TRUNC, unix.O_APPEND, unix.O_CREAT, unix.O_CREAT, unix.O_CREAT|unix.O_APPEND,
		unix.O_CREAT|unix.O_TRUNC, unix.O_CREAT|unix.O_EXCL)
}

// span returns a range that lies in a file of a size, at its start, across its end or
// beyond, and is small, odd, of whole pages or large.
func (g *generator) span(size int) (off, n int) {
	const page = 4096
	switch g.rng.IntN(6) {
	case 0:
		off = 0
	case 1:
		off = size
	case 2:
		off = g.rng.IntN(size + 1)
	case 3:
		off = g.rng.IntN(size+1) / page * page
	case 4:
		off = max(0, size-1-g.rng.IntN(20_000))
	case 5:
		off = size + g.rng.IntN(300_000)
	}
	switch g.rng.IntN(16) {
	case 0, 1, 2, 3:
		n = 1 + g.rng.IntN(100)
	case 4, 5, 6:
		n = page * (1 + g.rng.IntN(64))
	case 7:
		n = 1<<20 + g.rng.IntN(1<<20)
	default:
		n = 1 + g.rng.IntN(70_000)
	}
	return min(off, mostBytes-1), n
}

// sizeFor is the size of the file that a step is about; 0 if there is none.
func (g *generator) sizeFor(s step) int {
	f := g.model.names[s.name]
	if h := g.model.handles[s.handle]; h != nil && s.call != callTruncate {
		f = h.file
	}
	if f == nil {
		return 0
	}
	return len(f.data)
}

// suits reports whether a step is worth doing: one in several of those that fail is.
func (g *generator) suits(s step) bool {
	if !g.model.applies(s) {
		return false
	}
	if g.inOrder {
		return g.suitsInOrder(s)
	}
	switch s.call {
	case callOpen:
		return g.model.names[s.name] != nil || s.flags&unix.O_CREAT != 0 || g.seldom()
	case callReadFresh, callTruncate, callRename, callUnlink, callStat:
		return g.model.names[s.name] != nil || g.seldom()
	case callClose:
		return true
	case callFsync:
		return g.model.handles[s.handle].writes()
	case callRead:
		return g.model.handles[s.handle].reads() || g.seldom()
	case callSeekEnd, callSeekData:
		return true
	default:
		return g.model.handles[s.handle].writes() || g.seldom()
	}
}

func (g *generator) suitsInOrder(s step) bool {
	f := g.model.names[s.name]
	switch s.call {
	case callOpen:
		return f == nil || !g.model.isOpenForWriting(f)
	case callReadFresh, callUnlink, callStat:
		return f != nil && !g.model.isOpenForWriting(f)
	case callWrite:
		return s.n > 0
	default:
		return true
	}
}

func (g *generator) seldom() bool { return g.rng.IntN(15) == 0 }

func pick(rng *rand.Rand, of ...int) int { return of[rng.IntN(len(of))] }
