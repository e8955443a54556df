package meta_test

import (
	"bufio"
	"net/http"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/meta"
)

// FuzzXattr sets any extended attribute to any value: what is taken comes out of the request
// as it went in, and as nothing else.
func FuzzXattr(f *testing.F) {
	for _, seed := range [][2]string{
		{"note", "x"}, {"access", "private"}, {"name", "a\r\nx-image-meta-access: private"}, {"a: b\r\nc", "d"}, {"", ""}, {"k\x00", "v\x00"},
		{"architecture", "i386"}, {"x", " blank "}, {"X", "y"}, {"others", "{}"}, {"é", "é"}, {"x", "\xff"}, {"x", "tab\there"}, {"mtime", "never"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		name, ok := meta.FromXattr(meta.XattrPrefix + key)
		if !ok {
			return
		}
		fields := meta.Fields{name: value}
		if fields.ValidateUpdate() != nil {
			return
		}
		header := http.Header{}
		fields.SetHeader(header)
		var wire strings.Builder
		wire.WriteString("PUT / HTTP/1.1\r\nHost: x\r\n")
		if err := header.Write(&wire); err != nil {
			t.Fatal(err)
		}
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire.String() + "\r\n")))
		if err != nil {
			t.Fatalf("%q = %q is no header: %v", name, value, err)
		}
		if got := meta.FieldsFromHeader(r.Header); len(r.Header) != 1 || got[name] != value {
			t.Errorf("%q = %q arrives as %q", name, value, r.Header)
		}
	})
}
