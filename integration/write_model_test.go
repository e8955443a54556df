//go:build linux

package integration

import (
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// model is what a directory of a local disk would be after the steps so far.
type model struct {
	names   [nameCount]*modelFile
	handles [handleCount]*modelHandle
}

// outcome is what a step gives: an error, or a number and data.
type outcome struct {
	errno syscall.Errno
	n     int
	data  []byte

	free   bool     // of a model: whatever happens is right
	orElse [][]byte // of a model: other data that are right as well, and so is ESTALE
}

func failure(errno syscall.Errno) outcome { return outcome{errno: errno} }

// applies reports whether a step has the handles that it needs, of which open has none.
func (m *model) applies(s step) bool {
	switch s.call {
	case callOpen:
		return m.handles[s.handle] == nil && !(s.flags&unix.O_TRUNC != 0 && m.takesAway(m.names[s.name], nil))
	case callTruncate:
		return !(s.n == 0 && m.takesAway(m.names[s.name], nil))
	case callReadFresh, callRename, callUnlink, callStat:
		return true
	case callFtruncate:
		h := m.handles[s.handle]
		return h != nil && !(s.n == 0 && m.takesAway(h.file, h))
	case callCopyRange:
		from := m.handles[s.from]
		return m.handles[s.handle] != nil && from != nil && !from.file.gone
	case callMapped: // within the file: beyond its end a program gets SIGBUS
		h := m.handles[s.handle]
		return h != nil && h.reads() && h.writes() && !h.file.gone && s.n > 0 && s.off+s.n <= len(h.file.data)
	default:
		return m.handles[s.handle] != nil
	}
}

// takesAway reports whether to empty a file is to drop what another handle, open still,
// wrote to it. Its close then says that this is lost, which a disk would not.
func (m *model) takesAway(f *modelFile, by *modelHandle) bool {
	return slices.ContainsFunc(m.handles[:], func(h *modelHandle) bool {
		return h != nil && h.file == f && h != by && h.wrote
	})
}

// apply does a step that applies.
func (m *model) apply(s step) outcome {
	switch s.call {
	case callOpen:
		return m.open(s)
	case callReadFresh, callStat, callTruncate:
		return m.byPath(s)
	case callRename:
		return m.rename(s)
	case callUnlink:
		return m.unlink(s)
	}
	h := m.handles[s.handle]
	out := m.byHandle(h, s)
	if h.file.gone {
		out = outcome{free: true}
	}
	if s.call == callClose {
		m.handles[s.handle] = nil
	}
	return out
}

func (m *model) open(s step) outcome {
	f := m.names[s.name]
	switch {
	case f == nil && s.flags&unix.O_CREAT == 0:
		return failure(unix.ENOENT)
	case f != nil && s.flags&unix.O_CREAT != 0 && s.flags&unix.O_EXCL != 0:
		return failure(unix.EEXIST)
	}
	created := f == nil
	if created {
		f = &modelFile{changedBy: map[*modelHandle]bool{}}
		m.names[s.name] = f
	}
	h := &modelHandle{file: f, flags: s.flags}
	m.handles[s.handle] = h
	switch {
	case created:
		f.changedBy[h] = true // its close registers the file, unless another's has more to send
	case s.flags&unix.O_TRUNC != 0 && len(f.data) > 0:
		f.change(nil, nil) // which no close need send before there is a write
	}
	h.opened = f.data
	return outcome{}
}

func (m *model) byPath(s step) outcome {
	f := m.names[s.name]
	if f == nil {
		return failure(unix.ENOENT)
	}
	switch s.call {
	case callReadFresh:
		return outcome{n: len(f.data), data: f.data}
	case callTruncate:
		f.resize(nil, s.n)
		if !m.isOpenForWriting(f) { // no close will follow
			f.commit()
		}
		return outcome{}
	default:
		return outcome{n: len(f.data)}
	}
}

func (m *model) rename(s step) outcome {
	f, over := m.names[s.name], m.names[s.to]
	switch {
	case f == nil:
		return failure(unix.ENOENT)
	case over != nil && s.flags&unix.RENAME_NOREPLACE != 0:
		return failure(unix.EEXIST)
	case f == over:
		return outcome{}
	}
	if over != nil {
		over.gone = true
	}
	if over != nil && f.dirty() {
		f.commit() // before what it replaces is lost
	}
	if f.dirty() {
		f.formerly = append(f.formerly, s.name)
	}
	m.names[s.name], m.names[s.to] = nil, f
	return outcome{}
}

func (m *model) unlink(s step) outcome {
	f := m.names[s.name]
	if f == nil {
		return failure(unix.ENOENT)
	}
	f.gone = true
	m.names[s.name] = nil
	return outcome{}
}

func (m *model) byHandle(h *modelHandle, s step) outcome {
	f := h.file
	switch s.call {
	case callClose:
		if f.changedBy[h] {
			f.flush()
		}
		return outcome{}
	case callFsync:
		f.flush()
		return outcome{}
	case callRead:
		return h.read(s)
	case callSeekEnd:
		out := outcome{n: len(f.data)}
		if !h.writes() {
			out.orElse = [][]byte{h.opened, f.saved}
		}
		return out
	case callSeekData:
		return outcome{n: s.off, data: f.data, free: !h.writes()}
	}
	if !h.writes() {
		return failure(refusal(s.call))
	}
	switch s.call {
	case callWrite:
		off := s.off
		if h.flags&unix.O_APPEND != 0 {
			off = len(f.data)
		}
		f.change(h, overlaid(f.data, s.payload(), off))
		return outcome{n: s.n}
	case callMapped:
		f.change(h, overlaid(f.data, s.payload(), s.off))
		f.flush() // msync is an fsync, too
		return outcome{n: s.n}
	case callFtruncate:
		f.resize(h, s.n)
	case callFallocate:
		f.allocate(h, s)
	case callCopyRange:
		return m.copyFileRange(h, s)
	}
	return outcome{}
}

// refusal is what a call gives for a descriptor that is open for reading only.
func refusal(c call) syscall.Errno {
	if c == callFtruncate {
		return unix.EINVAL
	}
	return unix.EBADF
}

func (h *modelHandle) read(s step) outcome {
	if !h.reads() {
		return failure(unix.EBADF)
	}
	data := within(h.file.data, s.off, s.n)
	out := outcome{n: len(data), data: data}
	if !h.writes() { // it has a version pinned, or shares what is being written
		out.orElse = [][]byte{within(h.opened, s.off, s.n), within(h.file.saved, s.off, s.n)}
	}
	return out
}

func (m *model) copyFileRange(h *modelHandle, s step) outcome {
	from := m.handles[s.from]
	switch {
	case !from.reads(), h.flags&unix.O_APPEND != 0:
		return failure(unix.EBADF)
	}
	data := within(from.file.data, s.source, s.n)
	if from.file == h.file && s.source < s.off+len(data) && s.off < s.source+len(data) {
		return failure(unix.EINVAL)
	}
	if len(data) > 0 {
		h.file.change(h, overlaid(h.file.data, data, s.off))
	}
	return outcome{n: len(data)}
}

func (m *model) isOpenForWriting(f *modelFile) bool {
	return slices.ContainsFunc(m.handles[:], func(h *modelHandle) bool { return h != nil && h.file == f && h.writes() })
}
