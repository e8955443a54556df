package fs

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// errLitter is for what macOS leaves in directories that it shows or copies into. It is
// refused, as macFUSE's noappledouble does, not kept here: close() would say that the
// server has it.
var errLitter = errors.New("what macOS leaves in directories is never uploaded")

// litter are the names of what macOS leaves, as the beginning of a name where they end
// in '*'.
var litter = []string{
	"._*", ".DS_Store", ".Spotlight-*", ".Trashes", ".fseventsd", ".TemporaryItems",
	".apdisk", ".DocumentRevisions-V100", ".VolumeIcon.icns",
}

// rsyncTemporary ends the name of a hidden file while rsync writes it: the data would be
// uploaded under this name before the real one is refused.
var rsyncTemporary = regexp.MustCompile(`\.[A-Za-z0-9]{6}$`)

// checkLitter refuses a path that is litter, or below such a directory.
func checkLitter(p string) error {
	for segment := range strings.SplitSeq(p, "/") {
		if isLitter(segment) {
			return errLitter
		}
	}
	return nil
}

func isLitter(name string) bool {
	real := rsyncTemporary.ReplaceAllString(name, "")
	return slices.ContainsFunc(litter, func(pattern string) bool {
		start, isStart := strings.CutSuffix(pattern, "*")
		return name == pattern || real == pattern || isStart && strings.HasPrefix(name, start)
	})
}
