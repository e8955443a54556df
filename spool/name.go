package spool

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	suffix = ".spool"

	// maxName is what file names take of an image's. With what is added they stay below
	// the 143 bytes that are the least that a usual filesystem (eCryptfs) allows.
	maxName = 120
	omitted = "…"
)

// safeName makes a part of a file name of an image's name or path. If it is too long, its
// end remains, which says most to people.
func safeName(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); {
		r, n := utf8.DecodeRuneInString(name[i:])
		plain := name[i : i+n]
		if r == '/' || r == '%' || unicode.IsControl(r) || r == utf8.RuneError && n == 1 {
			for _, c := range []byte(plain) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(plain)
		}
		i += n
	}
	return lastBytes(b.String())
}

// lastBytes returns the end of a safe name, without halves of characters and escapes.
func lastBytes(s string) string {
	if len(s) <= maxName {
		return s
	}
	at := len(s) - maxName + len(omitted)
	if i := strings.LastIndexByte(s[:at], '%'); i >= 0 && at-i < len("%2F") {
		at = i + len("%2F")
	}
	for !utf8.RuneStart(s[at]) {
		at++
	}
	return omitted + s[at:]
}

// imageOf returns the path of the image that a file's name was made of, or its end.
func imageOf(file string) string {
	safe := strings.TrimSuffix(file, suffix)
	if i := strings.LastIndexByte(safe, '.'); i >= 0 {
		safe = safe[:i] // the number that makes it unique
	}
	name, err := url.PathUnescape(safe)
	if err != nil {
		return safe // somebody else's
	}
	return name
}
