package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// checkMacOption reports whether a word of -o is one that macFUSE has to know: the name of
// the volume in the Finder, and whether it shall refuse ._* and .DS_Store, and extended
// attributes com.apple.*, by itself. Elsewhere it would do nothing, and is refused.
func checkMacOption(word string) (isMac bool, err error) {
	name, value, hasValue := strings.Cut(word, "=")
	switch {
	case name == "volname" && value == "":
		return true, errors.New("volname: give the volume a name: volname=NAME")
	case name == "volname" && strings.Contains(value, ","):
		return true, errors.New("volname: macFUSE takes no name with a comma; choose another")
	case name == "volname":
	case (name == "noappledouble" || name == "noapplexattr") && !hasValue:
	default:
		return false, nil
	}
	if runtime.GOOS != "darwin" {
		err = fmt.Errorf("%s: only macOS has this option; leave it out", name)
	}
	return true, err
}
