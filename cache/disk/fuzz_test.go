package disk

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// Any bytes as an index file, behind a right header or not, give no wrong byte.
func FuzzIndex(f *testing.F) {
	x, stem := prepare(f, filepath.Join(f.TempDir(), "cache"))
	good, err := os.ReadFile(stem + indexExt)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good, false, byte(0), uint16(0))
	f.Add(good[PageBytes:], true, byte(0xff), uint16(5))
	f.Add(good[:PageBytes], false, byte(1), uint16(PageBytes))
	f.Add([]byte{}, true, byte(7), uint16(recordAt(2)))
	dir := filepath.Join(f.TempDir(), "cache")
	f.Fuzz(func(t *testing.T, index []byte, withHeader bool, xor byte, at uint16) {
		if withHeader {
			h := header{content: "x", size: damagedSize, verified: true}
			index = append(h.encode(), index...)
			index = append(index, make([]byte, indexLen(damagedSize))...)[:indexLen(damagedSize)]
		}
		mustClose(t, mustOpen(t, Options{Dir: dir})) // makes it
		writeBoth(t, filepath.Join(dir, stemOf("x")), x, index)
		if b, err := os.OpenFile(filepath.Join(dir, stemOf("x")+indexExt), os.O_RDWR, 0); err == nil && int(at) < len(index) {
			_, _ = b.WriteAt([]byte{index[at] ^ xor}, int64(at))
			_ = b.Close()
		}
		s := mustOpen(t, Options{Dir: dir})
		defer mustClose(t, s)
		defer audit(t, s)
		o, err := s.Object("x", damagedSize)
		if err != nil {
			t.Fatal(err)
		}
		useAll(t, o, x)
	})
}

func writeBoth(t *testing.T, stem string, data, index []byte) {
	if err := os.WriteFile(stem+dataExt, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(stem+indexExt, index, 0o600); err != nil {
		t.Fatal(err)
	}
}

func useAll(t *testing.T, o *Object, x []byte) {
	for at := int64(0); at < o.size; {
		zero, end := o.ZeroRun(at)
		if zero && len(bytes.Trim(x[at:end], "\x00")) > 0 {
			t.Fatalf("no zeros at %d", at)
		}
		at = end
	}
	if err := readable(o, x); err != nil && o.store.Stats().Discarded == 0 {
		t.Fatal(err)
	}
	if o.Check(t.Context()) {
		wantAll(t, o, x)
	}
	if f, release, ok := o.Backing(); ok {
		defer release()
		p := make([]byte, len(x))
		if _, err := f.ReadAt(p, 0); err != nil || !bytes.Equal(p, x) {
			t.Fatalf("the file is wrong: %v", err)
		}
	}
	o.WriteAt(x, 0)
	wantAll(t, o, x)
	o.Close()
}

func FuzzHeader(f *testing.F) {
	f.Add(header{content: "x", size: 1, verified: true}.encode())
	f.Add(header{content: string(make([]byte, maxContent)), size: maxSize}.encode())
	f.Add([]byte(headerMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := parseHeader(b)
		if err == nil && (h.size <= 0 || h.size > maxSize || len(h.content) > maxContent) {
			t.Errorf("%+v", h)
		}
	})
}
