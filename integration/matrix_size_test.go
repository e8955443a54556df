//go:build linux

package integration

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
)

func TestMatrixOfSizesAndTimes(t *testing.T) {
	old := random(640, 1<<20)
	punched := bytes.Clone(old)
	clear(punched[64<<10:][:128<<10])
	runMatrix(t, []cell{
		{
			tool:   "truncate down",
			stored: tree{"a.img": {data: old, note: "x"}},
			script: `truncate -s 512K $mnt/a.img`,
			want:   tree{"a.img": {data: old[:512<<10], note: "x"}},
		},
		{
			tool:   "truncate up",
			stored: tree{"a.img": {data: old, note: "x"}},
			script: `truncate -s 3M $mnt/a.img`,
			want:   tree{"a.img": {data: slices.Concat(old, make([]byte, 2<<20)), note: "x"}},
		},
		{
			tool:   "truncate down and up",
			stored: tree{"a.img": {data: old}},
			script: `truncate -s 64K $mnt/a.img; truncate -s 1M $mnt/a.img`,
			want:   tree{"a.img": {data: slices.Concat(old[:64<<10], make([]byte, 960<<10))}},
		},
		{
			tool:   "truncate of a new file",
			script: `truncate -s 2M $mnt/a.img`,
			want:   tree{"a.img": {data: make([]byte, 2<<20)}},
		},
		{
			tool:   "truncate to nothing",
			stored: tree{"a.iso": {data: old, note: "x"}},
			script: `truncate -s 0 $mnt/a.iso`,
			want:   tree{"a.iso": {note: "x"}},
			late:   true,
		},
		{
			tool:   "touch of a new file",
			script: `touch $mnt/a.iso`,
			want:   tree{"a.iso": {}},
		},
		{
			tool:   "touch -d",
			stored: tree{"a.iso": {data: old}},
			script: `touch -d @1330837567 $mnt/a.iso`,
			want:   tree{"a.iso": {data: old, mtime: stamp, was: "a.iso"}},
		},
		{
			tool:   "touch -d of a new file",
			script: `touch -d @1330837567 $mnt/a.iso`,
			want:   tree{"a.iso": {mtime: stamp}},
		},
		{
			tool:   "touch -r",
			local:  tree{"from": {mtime: stamp}},
			stored: tree{"a.iso": {data: old}},
			script: `touch -r from $mnt/a.iso`,
			want:   tree{"a.iso": {data: old, mtime: stamp, was: "a.iso"}},
		},
		{
			tool:   "chmod",
			stored: tree{"a.iso": {data: old}, "b.iso": {data: old, private: true}},
			script: `chmod 600 $mnt/a.iso; chmod 644 $mnt/b.iso`,
			want:   tree{"a.iso": {data: old, private: true, was: "a.iso"}, "b.iso": {data: old, was: "b.iso"}},
		},
		{
			tool:   "fallocate of a new file",
			script: `fallocate -l 2M $mnt/a.img`,
			want:   tree{"a.img": {data: make([]byte, 2<<20)}},
		},
		{
			tool:   "fallocate up",
			stored: tree{"a.img": {data: old}},
			script: `fallocate -l 2M $mnt/a.img`,
			want:   tree{"a.img": {data: slices.Concat(old, make([]byte, 1<<20))}},
		},
		{
			tool:   "fallocate --punch-hole",
			stored: tree{"a.img": {data: old}},
			script: `fallocate -p -o 64K -l 128K $mnt/a.img`,
			want:   tree{"a.img": {data: punched}},
		},
		{
			tool:   "fallocate --zero-range",
			stored: tree{"a.img": {data: old}},
			script: `fallocate -z -o 64K -l 128K $mnt/a.img`,
			want:   tree{"a.img": {data: punched}},
		},
	})
}

func TestMatrixOfMappingsAndRanges(t *testing.T) {
	fresh, old := random(650, 1<<20), random(651, 1536<<10)
	mapped := bytes.Clone(old)
	copy(mapped[300_001:], "through a mapping")
	ranges := bytes.Clone(old)
	copy(ranges[512<<10:], fresh[64<<10:][:256<<10])
	runMatrix(t, []cell{
		{
			tool:   "mmap of a stored file",
			stored: tree{"a.img": {data: old, note: "x"}},
			run: func(t *testing.T, e *env) {
				writeMapped(t, e.mount.path("a.img"), len(old), 300_001, []byte("through a mapping"))
			},
			want: tree{"a.img": {data: mapped, note: "x"}},
			late: true,
		},
		{
			tool: "mmap of a new file",
			run:  func(t *testing.T, e *env) { writeMapped(t, e.mount.path("a.img"), len(fresh), 0, fresh) },
			want: tree{"a.img": {data: fresh}},
			late: true,
		},
		{
			tool:   "copy_file_range",
			stored: tree{"a.img": {data: old, note: "x"}, "b.img": {data: fresh}},
			run: func(t *testing.T, e *env) {
				copyRange(t, e.mount.path("b.img"), 64<<10, e.mount.path("a.img"), 512<<10, 256<<10)
			},
			want: tree{"a.img": {data: ranges, note: "x"}, "b.img": {data: fresh, was: "b.img"}},
		},
		{
			tool:   "copy_file_range to a new file",
			stored: tree{"b.img": {data: fresh}},
			run: func(t *testing.T, e *env) {
				copyRange(t, e.mount.path("b.img"), 64<<10, e.mount.path("a.img"), 0, 256<<10)
			},
			want: tree{"a.img": {data: fresh[64<<10:][:256<<10]}, "b.img": {data: fresh, was: "b.img"}},
		},
	})
}

// openRW opens a file of a mount to read and write, and makes it where it is missing.
func openRW(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() }) // of a test that ended early
	return f
}

// writeMapped gives a file a size, and writes to it through a shared mapping that
// outlives the descriptor.
func writeMapped(t *testing.T, path string, size, off int, data []byte) {
	t.Helper()
	f := openRW(t, path)
	if err := f.Truncate(int64(size)); err != nil {
		t.Fatal(err)
	}
	mapped, err := unix.Mmap(int(f.Fd()), 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Munmap(mapped); err != nil {
			t.Error(err)
		}
	}()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	copy(mapped[off:], data)
	if err := unix.Msync(mapped, unix.MS_SYNC); err != nil {
		t.Fatalf("msync: %v", err)
	}
}

// copyRange has the kernel copy a part of one file into another.
func copyRange(t *testing.T, from string, fromOff int64, to string, toOff int64, size int) {
	t.Helper()
	in, out := open(t, from, 0), openRW(t, to)
	for size > 0 {
		n, err := unix.CopyFileRange(int(in.Fd()), &fromOff, int(out.Fd()), &toOff, size, 0)
		if err != nil || n == 0 {
			t.Fatalf("copy_file_range with %d bytes to go: %d, %v", size, n, err)
		}
		size -= n
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
}
