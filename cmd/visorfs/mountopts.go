package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"

	"github.com/visorfs/visorfs/fs"
)

// mountOptions are what -o takes, and what each does.
var mountOptions = map[string]func(*fs.Options){
	"allow_other":   func(o *fs.Options) { o.AllowOther = true },
	"no_overwrite":  func(o *fs.Options) { o.NoOverwrite = true },
	"ro":            func(o *fs.Options) { o.ReadOnly = true },
	"rw":            func(o *fs.Options) { o.ReadOnly = false },
	"xattr_restore": func(o *fs.Options) { o.XattrRestore = true },
}

// applyMountOptions sets what the words of -o ask for.
func applyMountOptions(o *fs.Options, words []string) error {
	for _, word := range words {
		apply, ok := mountOptions[word]
		if !ok {
			return usageError{fmt.Errorf("-o %s: no such option%s; there are: %s", word, nearest(word), optionNames())}
		}
		apply(o)
	}
	return nil
}

func optionNames() string {
	names := make([]string, 0, len(mountOptions))
	for name := range mountOptions {
		names = append(names, name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// nearest names the option that a mistyped one may have meant.
func nearest(word string) string {
	for name := range mountOptions {
		if levenshtein.ComputeDistance(word, name) <= 2 && len(name) > 2 {
			return ", is " + name + " meant?"
		}
	}
	return ""
}
