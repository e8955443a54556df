package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

const attributesHelp = `
Attributes are written KEY=VALUE. VIS knows name, architecture (i386, x86_64), access
(public, private), type (kernel, ramdisk, machine), format (iso, vhd, vdi, vmdk, ami,
aki, ari), store, location, kernel and ramdisk (ids of images). Any other key of
lower-case letters, digits, '-' and '_' is your own.`

// parseAttributes reads words of the form KEY=VALUE.
func parseAttributes(words []string) (meta.Fields, error) {
	fields := make(meta.Fields)
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok || !meta.IsKey(key) {
			return nil, usageError{fmt.Errorf("%q is no attribute; write KEY=VALUE, the key in lower-case letters, digits, '-' and '_'", word)}
		}
		if _, twice := fields[key]; twice {
			return nil, usageError{fmt.Errorf("%s is given twice", key)}
		}
		if a, _ := meta.Lookup(key); a.ServerOwned() {
			return nil, usageError{fmt.Errorf("%s: only the server sets it", key)}
		}
		fields[key] = value
	}
	return fields, nil
}

// splitFile tells the file from attributes: it has no '=', or a slash before that.
func splitFile(args []string) (file string, attributes []string, err error) {
	for _, arg := range args {
		key, _, isAttribute := strings.Cut(arg, "=")
		switch {
		case isAttribute && !strings.Contains(key, "/"):
			attributes = append(attributes, arg)
		case arg == "":
			return "", nil, usageError{errors.New("FILE is empty")}
		case file != "":
			return "", nil, usageError{fmt.Errorf("%q is no attribute, and FILE is %q already; write attributes as KEY=VALUE", arg, file)}
		default:
			file = arg
		}
	}
	return file, attributes, nil
}

// withDefaults adds what was not given of a new image, as the mount does for a new
// file: the name is the file's, the format its extension, the architecture what the
// names say, or x86_64.
func withDefaults(given meta.Fields, file string) meta.Fields {
	if file == stdio {
		file = ""
	}
	if file != "" {
		file = filepath.Base(file)
	}
	fields := meta.Fields{
		"name":         file,
		"format":       cmp.Or(meta.FormatOf(given["name"]), meta.FormatOf(file)),
		"architecture": cmp.Or(meta.ArchitectureOf(given["name"]), meta.ArchitectureOf(file), "x86_64"),
	}
	maps.DeleteFunc(fields, func(_, value string) bool { return value == "" })
	maps.Copy(fields, given)
	return fields
}
