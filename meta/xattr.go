package meta

import "strings"

// XattrPrefix starts the name of every extended attribute that carries an
// attribute of the image.
const XattrPrefix = "user.visor."

// XattrName returns the extended attribute that carries an attribute.
func XattrName(attribute string) string { return XattrPrefix + attribute }

// FromXattr returns the attribute that an extended attribute carries; ok is
// false for names of other namespaces.
func FromXattr(xattr string) (attribute string, ok bool) {
	attribute, ok = strings.CutPrefix(xattr, XattrPrefix)
	return attribute, ok && attribute != ""
}
