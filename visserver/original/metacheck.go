package original

import (
	"fmt"
	"slices"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// checkNew is the validation of VMS for an image that is being registered.
func (m *metaService) checkNew(h hash) error {
	if err := checkWritable(h); err != nil {
		return err
	}
	var missing []string
	for _, a := range meta.Attributes {
		if _, ok := h.get(a.Name); a.Required && !ok {
			missing = append(missing, a.Name)
		}
	}
	if len(missing) > 0 {
		return fail(invalid, "These fields are required: "+strings.Join(missing, ", "))
	}
	return m.checkValues(h)
}

// checkUpdate is the validation for a change.
func (m *metaService) checkUpdate(h hash) error {
	if err := checkWritable(h); err != nil {
		return err
	}
	return m.checkValues(h)
}

func checkWritable(h hash) error {
	var readOnly []string
	for _, a := range meta.Attributes {
		if _, ok := h.get(a.Name); a.ReadOnly && ok {
			readOnly = append(readOnly, a.Name)
		}
	}
	if len(readOnly) > 0 {
		return fail(invalid, "These fields are read-only: "+strings.Join(readOnly, ", "))
	}
	return nil
}

// checkedOrder is the order in which VMS looked at attributes with few values.
var checkedOrder = []string{"architecture", "access", "format", "type", "store"}

func (m *metaService) checkValues(h hash) error {
	for _, name := range checkedOrder {
		a, _ := meta.Lookup(name)
		value, _ := h.get(name)
		text, isText := value.(string)
		if value != nil && !(isText && slices.Contains(a.Values, text)) {
			return fail(invalid, fmt.Sprintf("Invalid %s '%s', available options: %s",
				name, toText(value), strings.Join(a.Values, ", ")))
		}
	}
	if err := m.checkAssociated(h, "kernel", "aki"); err != nil {
		return err
	}
	return m.checkAssociated(h, "ramdisk", "ari")
}

// checkAssociated checks the id of a kernel or ramdisk image: that image must be of
// the type, unless the one at hand has the format of such images itself.
func (m *metaService) checkAssociated(h hash, kind, format string) error {
	id, given := h.text(kind)
	if !given {
		return nil
	}
	associated, err := m.find(id, true)
	if err != nil {
		return err
	}
	ownFormat, _ := h.text("format")
	if is, _ := associated.text("type"); is != kind && ownFormat != format {
		return fail(invalid, fmt.Sprintf("The image with id %s is not a %s image.", id, kind))
	}
	return nil
}
