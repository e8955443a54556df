package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func TestPrintableTextIsWhatCanBeSeen(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "",
		"debian-12.iso":          "debian-12.iso",
		"Büg 大きい 🙂":              "Büg 大きい 🙂",
		"a\x1b[31mb":             `a\x1b[31mb`,
		"a\nb\tc\rd":             `a\nb\tc\rd`,
		"a\u009b31mb":            `a\u009b31mb`,
		"a\x9b31mb":              `a\x9b31mb`, // 8-bit control, not UTF-8
		"photo_\u202egpj.exe":    `photo_\u202egpj.exe`,
		"\u2066a\u2069":          `\u2066a\u2069`,
		"zero\u200bwidth":        `zero\u200bwidth`,
		"a\u2028b":               `a\u2028b`,
		"tag\U000e0041":          `tag\U000e0041`,
		"\x00\x7f":               `\x00\x7f`,
		"it's \"quoted\" and \\": "it's \"quoted\" and \\",
	} {
		if got := printable(text); got != want {
			t.Errorf("printable(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("a\x1b[31m\u202e\x9b")
	f.Fuzz(func(t *testing.T, text string) {
		got := printable(text)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is not UTF-8", got)
		}
		for _, r := range got {
			if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
				t.Fatalf("%q holds %U", got, r)
			}
		}
		if printable(got) != got {
			t.Fatalf("%q is not printable", got)
		}
		var out strings.Builder
		var back string
		if err := printJSON(&out, text); err != nil || json.Unmarshal([]byte(out.String()), &back) != nil {
			t.Fatalf("%v: %q", err, out.String())
		}
		if line := strings.TrimSuffix(out.String(), "\n"); printable(line) != line {
			t.Fatalf("JSON %q is not printable", line)
		}
		if want := strings.ToValidUTF8(text, "\ufffd"); utf8.ValidString(text) && back != want {
			t.Fatalf("%q came back as %q", text, back)
		}
	})
}

func TestNothingThatAServerSaysReachesATerminalRaw(t *testing.T) {
	r := newRepository(t)
	const evil = "x\u009b31m\u202egpj.iso"
	img := r.add(evil, "data", "note", "a\u202eb\u0085c")
	for _, args := range [][]string{
		{"list"}, {"list", "--long"}, {"list", "--json"}, {"show", evil}, {"show", "--json", evil},
		{"get", string(img.ID)}, {"show", "\u009bnobody"}, {"delete", "--query", "size=4", "--yes"},
	} {
		o := r.image(args...)
		all := o.out + o.errOut
		if o.err != nil {
			all += o.err.Error()
		}
		for _, r := range all {
			if r != '\n' && unprintable(r) {
				t.Errorf("image %q prints %U raw: %q", args, r, all)
				break
			}
		}
	}
	wantOnly(t, "x_31m_gpj.iso")
}
