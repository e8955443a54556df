package spool

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLeftover finds a file of any name and content that a killed process may have left: its
// bytes come to lost+found, or it stays as it is.
func FuzzLeftover(f *testing.F) {
	for _, name := range []string{"a.img.123", "..%2F..%2Fetc.1", "%", "%2", "%zz.1", "…x.1", ".", "-rf.1", "a%00.1", "\xff.1", "x\n.1", strings.Repeat("n", 200)} {
		f.Add(name, []byte("data"))
	}
	f.Add("empty.1", []byte{})
	base := f.TempDir()
	dir := filepath.Join(base, "spool")
	f.Fuzz(func(t *testing.T, name string, content []byte) {
		if name += suffix; strings.ContainsAny(name, "/\x00") || len(name) > 255 {
			return
		}
		must(t, os.RemoveAll(dir))
		must(t, os.Mkdir(dir, 0o700))
		must(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
		d := mustOpen(t, Options{Dir: dir})
		must(t, d.Close())
		wantNames(t, base, "spool")
		lost, err := os.ReadDir(d.lostPath)
		must(t, err)
		if len(content) == 0 {
			wantNames(t, dir, lostAndFound)
			return
		}
		if len(lost) != 1 {
			t.Fatalf("lost+found has %v", lost)
		}
		wantFile(t, filepath.Join(d.lostPath, lost[0].Name()), content)
	})
}

// FuzzName makes a file name of any image's.
func FuzzName(f *testing.F) {
	for _, name := range []string{"a/b.img", "..", "../../etc/passwd", "\x00\n\x7f", "\xff", "100%", strings.Repeat("é/", 200), "", "*"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		safe := safeName(name)
		if strings.ContainsAny(safe, "/\x00\n\x1b") || len(safe) > maxName {
			t.Errorf("%q becomes %q", name, safe)
		}
		if whole := !strings.HasPrefix(safe, omitted); whole && imageOf(safe+".123"+suffix) != name {
			t.Errorf("%q becomes %q, and that %q", name, safe, imageOf(safe+".123"+suffix))
		}
	})
}
