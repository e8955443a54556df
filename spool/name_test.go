package spool

import (
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestNamesAreSafeAndReadable(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	for name, want := range map[string]string{
		"a/b c.img":     "a%2Fb c.img",
		"100%.img":      "100%25.img",
		"ünï/☃.qcow2":   "ünï%2F☃.qcow2",
		"x\n\x00\x7f":   "x%0A%00%7F",
		"bad\xff*.img":  "bad%FF*.img",
		"../../etc/pwd": "..%2F..%2Fetc%2Fpwd",
		"":              "",
	} {
		f := mustCreate(t, d, name)
		if base := filepath.Base(f.path); !strings.HasPrefix(base, want+".") || imageOf(base) != name || filepath.Dir(f.path) != d.path {
			t.Errorf("%q: %s, %q", name, base, imageOf(base))
		}
		if path, err := f.Lose(0); err != nil || filepath.Dir(path) != d.lostPath {
			t.Errorf("%q lost: %s, %v", name, path, err)
		}
	}
}

func TestLongNamesKeepTheirEnd(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	for _, part := range []string{"long", "/", "☃", "\n", "ä/%", "\xff"} {
		for shift := range 4 {
			name := strings.Repeat("y", shift) + strings.Repeat(part, 400) + strings.Repeat("x", shift) + "/end.img"
			f := mustCreate(t, d, name)
			image := imageOf(filepath.Base(f.path))
			tail, cut := strings.CutPrefix(image, omitted)
			if !cut || !strings.HasSuffix(name, tail) || len(safeName(name)) > maxName || len(safeName(name)) < maxName-6 || !utf8.ValidString(f.path) {
				t.Errorf("%q: %q", part, image)
			}
		}
	}
}
