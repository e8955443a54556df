package meta

import (
	"path"
	"slices"
	"strings"
)

// FormatOf returns the format that the extension of a name says, if VIS knows it.
func FormatOf(name string) string {
	ext := strings.ToLower(strings.TrimPrefix(path.Ext(name), "."))
	if slices.Contains(Formats, ext) {
		return ext
	}
	return ""
}

// ArchitectureOf returns the architecture that a name like debian-12-amd64.iso says, if
// any.
func ArchitectureOf(name string) string {
	name = strings.ToLower(name)
	for _, hint := range []struct{ word, architecture string }{
		{"x86_64", "x86_64"}, {"x86-64", "x86_64"}, {"amd64", "x86_64"}, {"x64", "x86_64"},
		{"i386", "i386"}, {"i486", "i386"}, {"i586", "i386"}, {"i686", "i386"}, {"x86", "i386"}, {"ia32", "i386"},
	} {
		if strings.Contains(name, hint.word) {
			return hint.architecture
		}
	}
	return ""
}
