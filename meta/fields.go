package meta

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Fields is a partial edit of an image: attribute name to new value.
type Fields map[string]string

// InvalidError says which attribute a request may not set that way, and what it
// may be. Its text is the message that VIS answers with.
type InvalidError struct{ Message string }

func (e *InvalidError) Error() string { return e.Message }

// ValidateNew checks the fields of an image that is being registered.
// The error is an *[InvalidError].
func (f Fields) ValidateNew() error {
	var missing []string
	for _, a := range Attributes {
		if _, ok := f[a.Name]; a.Required && !ok {
			missing = append(missing, a.Name)
		}
	}
	if len(missing) > 0 {
		return &InvalidError{"These fields are required: " + strings.Join(missing, ", ")}
	}
	return f.ValidateUpdate()
}

// ValidateUpdate checks the fields of a change to an image.
// The error is an *[InvalidError].
func (f Fields) ValidateUpdate() error {
	var readOnly []string
	for _, a := range Attributes {
		if _, ok := f[a.Name]; a.ReadOnly && ok {
			readOnly = append(readOnly, a.Name)
		}
	}
	if len(readOnly) > 0 {
		return &InvalidError{"These fields are read-only: " + strings.Join(readOnly, ", ")}
	}
	for _, a := range Attributes {
		value, ok := f[a.Name]
		if !ok {
			continue
		}
		if a.Values != nil && !slices.Contains(a.Values, value) {
			return &InvalidError{fmt.Sprintf("Invalid %s '%s', available options: %s", a.Name, value, strings.Join(a.Values, ", "))}
		}
		if err := a.set(new(Image), value); err != nil {
			return err
		}
	}
	if name, ok := f["name"]; ok && name == "" {
		return &InvalidError{"Invalid name '': it is empty"}
	}
	if _, ok := f[othersKey]; ok {
		return &InvalidError{"Invalid attribute name 'others': it is how VIS packs custom attributes"}
	}
	for _, name := range slices.Sorted(maps.Keys(f)) {
		if err := checkWire(name, f[name]); err != nil {
			return err
		}
	}
	return nil
}

// checkWire refuses what a header line cannot carry unchanged.
func checkWire(name, value string) error {
	if !IsKey(name) {
		return &InvalidError{fmt.Sprintf("Invalid attribute name %q: lower-case letters, digits, '-' and '_' make one", name)}
	}
	switch {
	case !utf8.ValidString(value):
		return &InvalidError{fmt.Sprintf("Invalid %s: not UTF-8", name)}
	case strings.TrimSpace(value) != value:
		return &InvalidError{fmt.Sprintf("Invalid %s %q: blanks at the start or end are lost on the way", name, value)}
	case strings.ContainsFunc(value, isControl):
		return &InvalidError{fmt.Sprintf("Invalid %s %q: a control character cannot be sent", name, value)}
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r == 0x7f }

// CheckName reports why VIS could not hold an image of this name.
// The error is an *[InvalidError].
func CheckName(name string) error { return Fields{"name": name}.ValidateUpdate() }

// IsKey reports whether name can be the name of an attribute: it must survive
// the way through a header name, whose case is not kept.
func IsKey(name string) bool {
	if name == "" {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}
