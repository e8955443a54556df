package catalog

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/visorfs/visorfs/meta"
)

// maxSegment is the longest name of a directory entry, in bytes.
const maxSegment = 255

// MaxPath is the longest name of an image that can be its path, in bytes. With a mountpoint's
// it is below what kernels take, and walking through as many directories as it can have takes
// a moment only: that grows with their square.
const MaxPath = 1024

// reserved are names in the root that are not for images.
var reserved = map[string]bool{".by-id": true, ".query": true, ".visorfs": true}

// IsPath reports whether an image's name can be its path as it is.
func IsPath(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	if len(name) > MaxPath || reserved[first] || !utf8.ValidString(name) {
		return false
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." || len(segment) > maxSegment {
			return false
		}
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7f })
}

// older orders images of one name: the first keeps the plain path.
func older(a, b *meta.Image) int {
	return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
}

// asides returns the names that an image may have beside its plain one, in the
// order they are tried: ever more of its id, until one is free.
func asides(plain string, id meta.ID) func(yield func(string) bool) {
	digits := idDigits(id)
	return func(yield func(string) bool) {
		for n := min(8, len(digits)); n < len(digits); n += 4 {
			if !yield(withSuffix(plain, "~"+digits[:n])) {
				return
			}
		}
		for i := 1; ; i++ {
			if !yield(withSuffix(plain, fmt.Sprintf("~%s~%d", digits, i))) {
				return
			}
		}
	}
}

// idDigits is what of an id can stand in a name: all but the hyphens of a UUID. An id
// of other characters, which no VIS makes, is hashed.
func idDigits(id meta.ID) string {
	digits := strings.ReplaceAll(string(id), "-", "")
	const letters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if digits != "" && len(digits) <= 64 && strings.Trim(digits, letters) == "" {
		return digits
	}
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:16])
}

// withSuffix puts a suffix before the extension of a path's last segment, and
// cuts what comes before it to the length that a directory entry may have.
func withSuffix(plain, suffix string) string {
	dir, file := path.Split(plain)
	ext := path.Ext(file)
	stem := strings.TrimSuffix(file, ext)
	if stem == "" || len(ext) > 16 {
		stem, ext = file, ""
	}
	return dir + cut(stem, maxSegment-len(suffix)-len(ext)) + suffix + ext
}

// cut shortens text to at most n bytes, at a character's end.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

// flat spells any name as one path segment: what cannot stand in one, and '%', is
// percent-encoded.
func flat(name string) string {
	if name == "." || name == ".." {
		return strings.Repeat("%2E", len(name))
	}
	var b strings.Builder
	for rest := name; rest != ""; {
		r, n := utf8.DecodeRuneInString(rest)
		if r == '/' || r == '%' || r < 0x20 || r == 0x7f || r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, "%%%02X", rest[0])
		} else {
			b.WriteString(rest[:n])
		}
		rest = rest[n:]
	}
	return b.String()
}
