package meta

import "maps"

// HasCustom reports whether one of the fields is none that VIS knows.
func (f Fields) HasCustom() bool {
	for name := range f {
		if _, known := byName[name]; !known {
			return true
		}
	}
	return false
}

// WithCustom returns the fields with the custom attributes that the image has beside
// them, if one of them is custom: VIS replaces these as a set.
func (img *Image) WithCustom(f Fields) Fields {
	if !f.HasCustom() {
		return f
	}
	all := make(Fields, len(img.Other)+len(f))
	maps.Copy(all, img.Other)
	maps.Copy(all, f)
	return all
}

// Changed returns what to send to give the image these fields: none of what it has
// already, and all custom attributes if one of them changes.
func (img *Image) Changed(f Fields) Fields {
	diff := make(Fields)
	for name, value := range f {
		if old, _ := img.Get(name); old != value {
			diff[name] = value
		}
	}
	return img.WithCustom(diff)
}
