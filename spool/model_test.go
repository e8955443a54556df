package spool

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"path/filepath"
	"testing"
)

const (
	modelBytes  = 20000
	modelBudget = 12000
	maxSteps    = 60
)

// model says byte by byte what a file is to have.
type model struct {
	bytes   [modelBytes]byte
	kinds   [modelBytes]kind
	noHoles bool
}

func (m *model) fresh(off, end int) (n int64) {
	for _, k := range m.kinds[off:end] {
		if k != data {
			n++
		}
	}
	return n
}

func (m *model) taken() int64 { return modelBytes - m.fresh(0, modelBytes) }

func (m *model) set(off, end int, k kind) {
	for i := off; i < end; i++ {
		if k != zeros || !m.noHoles || m.kinds[i] != data {
			m.kinds[i] = k
		}
	}
	clear(m.bytes[off:end])
}

// step does to a file and its model what five bytes say.
func (m *model) step(t *testing.T, f *File, code []byte, value byte) {
	off := int(binary.LittleEndian.Uint16(code[1:])) % modelBytes
	end := min(modelBytes, off+int(binary.LittleEndian.Uint16(code[3:]))%5000)
	switch code[0] % 8 {
	case 0:
		must(t, f.Truncate(int64(off)))
		m.set(off, modelBytes, unwritten)
	case 1, 2:
		must(t, f.Zero(int64(off), int64(end)))
		m.set(off, end, zeros)
	default:
		b := bytes.Repeat([]byte{value | 1}, end-off)
		n, err := f.WriteAt(b, int64(off))
		if m.taken()+m.fresh(off, end) > modelBudget && end > off {
			if n != 0 || !errors.Is(err, ErrNoRoom) {
				t.Fatalf("wrote %d beyond the bound: %v", n, err)
			}
			return
		}
		must(t, err)
		m.set(off, end, data)
		copy(m.bytes[off:], b)
	}
}

// check compares all of the file, and what it tells of itself.
func (m *model) check(t *testing.T, f *File) {
	if f.Bytes() != m.taken() {
		t.Fatalf("takes %d bytes, not %d", f.Bytes(), m.taken())
	}
	whole := 0
	for whole < modelBytes && m.kinds[whole] != unwritten {
		whole++
	}
	if !f.Whole(int64(whole)) || whole < modelBytes && f.Whole(int64(whole)+1) {
		t.Fatalf("whole is not %d", whole)
	}
	for off := 0; off < modelBytes; {
		end := off
		for end < modelBytes && (m.kinds[end] == unwritten) == (m.kinds[off] == unwritten) {
			end++
		}
		if to, written := f.Extent(int64(off), modelBytes); int(to) != end || written != (m.kinds[off] != unwritten) {
			t.Fatalf("from %d: to %d, written %t; not %d", off, to, written, end)
		}
		if m.kinds[off] != unwritten {
			wantBytes(t, f, m.bytes[off:end], int64(off))
		}
		off = end
	}
	m.checkRuns(t, f)
}

// checkRuns looks that no two runs could be one.
func (m *model) checkRuns(t *testing.T, f *File) {
	var last run
	f.extents.runs.Scan(func(start int64, r run) bool {
		if r.end <= start || start < last.end || start == last.end && r.kind == last.kind {
			t.Fatalf("%+v, then %d to %+v", last, start, r)
		}
		last = r
		return true
	})
}

func runProgram(t *testing.T, dir string, program []byte) {
	d := mustOpen(t, Options{Dir: dir, MaxBytes: modelBudget})
	f := mustCreate(t, d, "x")
	m := new(model)
	if len(program) > 0 {
		m.noHoles = program[0]%2 == 1
		d.noHoles = m.noHoles
		program = program[1:]
	}
	for i := 0; i < maxSteps && len(program) >= 5; i++ {
		m.step(t, f, program[:5], byte(i))
		if i%8 == 0 {
			m.check(t, f)
		}
		program = program[5:]
	}
	m.check(t, f)
	unlinked := len(program) > 0
	if unlinked {
		must(t, f.Unlink())
	}
	want := bytes.Clone(m.bytes[:])
	path, err := f.Lose(modelBytes)
	must(t, err)
	wantFile(t, path, want)
	wantRoom(t, d, 0)
	must(t, removeIfThere(path))
	must(t, d.Close())
	wantNames(t, dir, lostAndFound)
}

// Any program of writes, zeros and cuts has the result that the model has.
func FuzzFile(f *testing.F) {
	for seed := range uint64(4) {
		f.Add(someProgram(seed, 20))
	}
	dir := filepath.Join(f.TempDir(), "spool")
	f.Fuzz(func(t *testing.T, program []byte) { runProgram(t, dir, program) })
}

func someProgram(seed uint64, steps int) []byte {
	program := make([]byte, 1+5*steps+int(seed/2%2))
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(program)
	program[0] = byte(seed)
	return program
}

func TestRandomProgramsMatchTheModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(100) {
		runProgram(t, newDir(t), someProgram(seed, maxSteps))
	}
}
