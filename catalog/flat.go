package catalog

import (
	"slices"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// Flat is a list of images as one directory that has none below it, in the order of the
// list. What cannot stand in the name of a directory entry, '/' above all, is
// percent-encoded; of several images that would have one name the oldest gets it, an
// image that has it as it is before any that has it encoded, and the others move aside
// as in a [Tree]. It is immutable.
type Flat struct {
	entries []FlatEntry
	images  map[string]*meta.Image // by name
	aside   map[string]*meta.Image // by what the name would be beside an older image's
}

// FlatEntry is an image's name in a directory.
type FlatEntry struct {
	Name string
	ID   meta.ID
}

// NewFlat gives each image its name.
func NewFlat(images []*meta.Image) *Flat {
	f := &Flat{images: make(map[string]*meta.Image, len(images)), aside: make(map[string]*meta.Image, len(images))}
	byAge := slices.Clone(images)
	slices.SortFunc(byAge, older)
	names := make(map[meta.ID]string, len(byAge))
	place := func(img *meta.Image, name string) bool {
		if names[img.ID] != "" || !isEntry(name) || f.images[name] != nil {
			return false
		}
		f.images[name], names[img.ID] = img, name
		return true
	}
	for _, img := range byAge {
		place(img, img.Name)
	}
	for _, img := range byAge {
		place(img, entryOf(img))
	}
	for _, img := range byAge {
		for name := range asides(entryOf(img), img.ID) {
			if f.aside[name] == nil {
				f.aside[name] = img
			}
			if names[img.ID] != "" || place(img, name) {
				break
			}
		}
	}
	f.list(images, names)
	return f
}

// list notes the names in the order of the images.
func (f *Flat) list(images []*meta.Image, names map[meta.ID]string) {
	f.entries = make([]FlatEntry, 0, len(names))
	for _, img := range images {
		if name, ok := names[img.ID]; ok {
			f.entries = append(f.entries, FlatEntry{name, img.ID})
			delete(names, img.ID) // a server may list an image twice
		}
	}
}

// isEntry reports whether a name can be that of a directory entry as it is.
func isEntry(name string) bool { return !strings.Contains(name, "/") && IsPath("x/"+name) }

// entryOf is the plain name of an image, which may be too long.
func entryOf(img *meta.Image) string {
	if isEntry(img.Name) {
		return img.Name
	}
	return flat(img.Name)
}

// Entries lists the images. The caller must not change it.
func (f *Flat) Entries() []FlatEntry { return f.entries }

// Image returns the image of a name, or nil. The name that an image would have beside an
// older one is its own also while there is none: so those who delete one by one what they
// have listed find each, although the list is asked for anew in between.
func (f *Flat) Image(name string) *meta.Image {
	if img := f.images[name]; img != nil {
		return img
	}
	return f.aside[name]
}
