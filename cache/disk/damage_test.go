package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const damagedSize = 3*ChunkBytes + 5000

// prepare makes a cache with a verified object "x" and another "y", and returns the
// path of x's files, without extension.
func prepare(t testing.TB, dir string) (x []byte, stem string) {
	s := mustOpen(t, Options{Dir: dir})
	x = someBytes(1, damagedSize)
	clear(x[2*ChunkBytes : 2*ChunkBytes+3*PageBytes])
	for name, b := range map[string][]byte{"x": x, "y": someBytes(2, damagedSize)} {
		o := mustObject(t, s, name, damagedSize)
		o.WriteAt(b, 0)
		if !o.SetVerified(o.Epoch()) {
			t.Fatal("not verified")
		}
		o.Close()
	}
	mustClose(t, s)
	return x, filepath.Join(dir, stemOf("x"))
}

// alter changes a byte in place: the file has no more space than before.
func alter(t testing.TB, path string, at int64, change func(b byte) byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	b[0] = change(b[0])
	_, err2 := f.WriteAt(b, at)
	if err := errors.Join(err, err2, f.Close()); err != nil {
		t.Fatal(err)
	}
}

func flip(b byte) byte { return b ^ 0x10 }

func TestDamagedFilesAreForgotten(t *testing.T) {
	truncate := func(ext string, n int64) func(*testing.T, string) {
		return func(t *testing.T, stem string) {
			if err := os.Truncate(stem+ext, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	change := func(at int64) func(*testing.T, string) {
		return func(t *testing.T, stem string) { alter(t, stem+indexExt, at, flip) }
	}
	// asAKill is what a kill may have left: nothing is damaged then.
	asAKill := map[string]bool{"index empty": true, "no records": true, "no index": true}
	for name, damage := range map[string]func(*testing.T, string){
		"data truncated":   truncate(dataExt, 2*ChunkBytes),
		"data longer":      truncate(dataExt, damagedSize+1),
		"data empty":       truncate(dataExt, 0),
		"index truncated":  truncate(indexExt, 5000),
		"index empty":      truncate(indexExt, 0),
		"index longer":     truncate(indexExt, 1<<20),
		"header magic":     change(3),
		"header size":      change(int64(len(headerMagic)) + 1),
		"header flags":     change(int64(len(headerMagic)) + 8),
		"header name":      change(int64(headerFixed)),
		"header long name": change(int64(len(headerMagic)) + 14),
		"no records":       func(t *testing.T, stem string) { wipe(t, stem+indexExt, PageBytes) },
		"no index":         func(t *testing.T, stem string) { remove(t, stem+indexExt) },
		"no data":          func(t *testing.T, stem string) { remove(t, stem+dataExt) },
		"a link":           func(t *testing.T, stem string) { remove(t, stem+dataExt); link(t, stem+dataExt) },
		"another's index":  func(t *testing.T, stem string) { copyOver(t, stem+indexExt, indexExt) },
		"another's, as one": func(t *testing.T, stem string) {
			copyOver(t, stem+indexExt, indexExt)
			copyOver(t, stem+dataExt, dataExt)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, log := newDir(t), new(logBuffer)
			_, stem := prepare(t, dir)
			damage(t, stem)
			s := mustOpen(t, Options{Dir: dir, Logger: log.logger()})
			if x := mustObject(t, s, "x", damagedSize); x.Has(0, 1) || x.Verified() {
				t.Error("x is still there")
			}
			wantAll(t, mustObject(t, s, "y", damagedSize), someBytes(2, damagedSize))
			level := "level=WARN"
			if asAKill[name] {
				level = "level=INFO"
			}
			if lines := log.lines(); len(lines) != 1 || !strings.Contains(lines[0], level) {
				t.Errorf("logged %q, want one line of %s", lines, level)
			}
			if entries, _ := os.ReadDir(dir); len(entries) != 3 {
				t.Errorf("there are %d files", len(entries))
			}
			audit(t, s)
		})
	}
}

func wipe(t *testing.T, path string, from int64) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	clear(b[from:])
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, path string) {
	if err := os.Symlink("/dev/zero", path); err != nil {
		t.Fatal(err)
	}
}

func copyOver(t *testing.T, path, ext string) {
	b, err := os.ReadFile(filepath.Join(filepath.Dir(path), stemOf("y")+ext))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFilesWithOtherNamesStay(t *testing.T) {
	dir := newDir(t)
	prepare(t, dir)
	for _, name := range []string{"notes.txt", "short.data", strings.Repeat("G", 32) + ".index"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
		log := new(logBuffer)
		mustClose(t, mustOpen(t, Options{Dir: dir, Logger: log.logger()}))
		if b, _ := os.ReadFile(path); string(b) != "mine" {
			t.Errorf("%s is gone", name)
		}
		if log.lines()[0] != "" {
			t.Errorf("logged %q", log.lines())
		}
	}
}

func TestFlippedBitCostsOneChunk(t *testing.T) {
	for name, at := range map[string]struct {
		ext string
		at  int64
	}{
		"data":                {dataExt, ChunkBytes + 77},
		"last byte of chunk":  {dataExt, 2*ChunkBytes - 1},
		"sum":                 {indexExt, sumAt(chunkPages+5) + 2},
		"record present":      {indexExt, recordAt(1) + 1},
		"record zero":         {indexExt, recordAt(1) + 5},
		"record used":         {indexExt, recordAt(1) + 9},
		"record sum":          {indexExt, recordAt(1) + 13},
		"zero page with data": {dataExt, 2*ChunkBytes + PageBytes},
	} {
		t.Run(name, func(t *testing.T) {
			dir, log := newDir(t), new(logBuffer)
			x, stem := prepare(t, dir)
			alter(t, stem+at.ext, at.at, flip)
			s := mustOpen(t, Options{Dir: dir, Logger: log.logger()})
			o := mustObject(t, s, "x", damagedSize)
			if o.Check(t.Context()) || o.Verified() || o.Whole() {
				t.Error("the damage isn't seen")
			}
			if got := s.Stats().Discarded; got != 1 || len(log.lines()) != 1 {
				t.Errorf("discarded %d, logged %q", got, log.lines())
			}
			off, n := o.Missing(0)
			if n != ChunkBytes {
				t.Errorf("%d bytes are missing at %d", n, off)
			}
			o.WriteAt(x[off:off+n], off)
			wantAll(t, o, x)
			audit(t, s)
			mustClose(t, s)
			s = mustOpen(t, Options{Dir: dir})
			o = mustObject(t, s, "x", damagedSize)
			wantAll(t, o, x)
			if o.Verified() {
				t.Error("verified without its chunk")
			}
		})
	}
}

// A read of a part of a page checks all of it, and a read elsewhere doesn't.
func TestDamageIsFoundByTheReadThatMeetsIt(t *testing.T) {
	dir := newDir(t)
	x, stem := prepare(t, dir)
	alter(t, stem+dataExt, 5*PageBytes+4095, flip)
	s := mustOpen(t, Options{Dir: dir})
	o := mustObject(t, s, "x", damagedSize)
	p := make([]byte, 10)
	if !o.ReadAt(p, 3*PageBytes+5) || !bytes.Equal(p, x[3*PageBytes+5:3*PageBytes+15]) {
		t.Error("a page that isn't damaged can't be read")
	}
	if o.ReadAt(p, 5*PageBytes+1) {
		t.Error("a damaged page was read")
	}
	if o.Has(0, 1) || !o.Has(ChunkBytes, damagedSize-ChunkBytes) {
		t.Error("not just the chunk is gone")
	}
}

// A checksum that is right elsewhere isn't right here.
func TestPageAtAnotherPlaceIsNotBelieved(t *testing.T) {
	dir := newDir(t)
	x, stem := prepare(t, dir)
	swap := func(path string, a, b int64, n int64) {
		all, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first := bytes.Clone(all[a : a+n])
		copy(all[a:], all[b:b+n])
		copy(all[b:], first)
		if err := os.WriteFile(path, all, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	swap(stem+dataExt, 0, ChunkBytes, ChunkBytes)
	swap(stem+indexExt, sumAt(0), sumAt(chunkPages), chunkPages*sumBytes)
	s := mustOpen(t, Options{Dir: dir})
	o := mustObject(t, s, "x", len(x))
	if o.Check(t.Context()) || o.Has(0, 1) || o.Has(ChunkBytes, 1) || s.Stats().Discarded != 2 {
		t.Errorf("swapped pages: %+v", s.Stats())
	}
	if saltOf("x") == saltOf("y") || pageSum(x, saltOf("x"), 0) == pageSum(x, saltOf("y"), 0) {
		t.Error("two objects have the same sums")
	}
}

// After a loss of power the index may know of bytes that never came to the disk.
func TestBytesThatTheDiskLostAreNotBelieved(t *testing.T) {
	dir := newDir(t)
	x, stem := prepare(t, dir)
	b := append(bytes.Clone(x[:ChunkBytes]), make([]byte, len(x)-ChunkBytes)...)
	if err := os.WriteFile(stem+dataExt, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, Options{Dir: dir})
	o := mustObject(t, s, "x", damagedSize)
	if _, _, ok := o.Backing(); ok || !o.Verified() {
		t.Error("unchecked bytes are given out")
	}
	wantAll(t, o, x[:ChunkBytes])
	if o.ReadAt(make([]byte, 1), ChunkBytes) || o.Check(t.Context()) || o.Verified() {
		t.Error("lost bytes are believed")
	}
}

// A kill between the bytes and their record leaves bytes that nobody counts, nor may they
// show up where the object has zeros.
func TestBytesWithoutRecordAreGivenBack(t *testing.T) {
	dir := newDir(t)
	s := mustOpen(t, Options{Dir: dir})
	const size = 64 * ChunkBytes
	o := mustObject(t, s, "z", size)
	o.WriteAt(someBytes(1, PageBytes), 0)
	junk := someBytes(3, ChunkBytes)
	for i := range int64(20) {
		if _, err := o.files.Load().data.WriteAt(junk, (3*i+2)*ChunkBytes); err != nil {
			t.Fatal(err)
		}
	}
	mustClose(t, s)
	s = mustOpen(t, Options{Dir: dir})
	if held, got := s.Stats().Held, taken(t, dir); got > held+64<<10 {
		t.Errorf("%d bytes are taken, %d counted", got, held)
	}
	o = mustObject(t, s, "z", size)
	if _, err := o.files.Load().data.WriteAt(junk, 2*ChunkBytes); err != nil {
		t.Fatal(err)
	}
	o.WriteAt(make([]byte, ChunkBytes), 2*ChunkBytes)
	if p := make([]byte, ChunkBytes); !o.ReadAt(p, 2*ChunkBytes) || len(bytes.Trim(p, "\x00")) > 0 {
		t.Error("zeros are read as what was there before")
	}
}
