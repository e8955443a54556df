package catalog

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// Tree is one listing as directories and files. It is immutable.
type Tree struct {
	dirs  map[string]*Dir
	files map[meta.ID]*File
	bytes int64
}

// Dir is a directory.
type Dir struct {
	Path    string // "" for the root
	Emptied bool   // by this mount, and not to be listed: see [Catalog]

	dirs  map[string]*Dir  // by name
	files map[string]*File // by name
}

// File is an image with a path.
type File struct {
	Image *meta.Image
	Path  string
}

// NewTree gives each image its path. Directories at dirs exist also without one.
func NewTree(images []*meta.Image, dirs ...string) *Tree {
	t := &Tree{
		dirs:  map[string]*Dir{"": newDir("")},
		files: make(map[meta.ID]*File, len(images)),
	}
	images = slices.Clone(images)
	slices.SortFunc(images, older)
	for _, img := range images {
		t.bytes += img.Size
		if IsPath(img.Name) {
			t.makeDir(parent(img.Name))
		}
	}
	for _, p := range dirs {
		t.makeDir(p)
	}
	var aside []*meta.Image
	for _, img := range images {
		if !IsPath(img.Name) || !t.place(img, img.Name) {
			aside = append(aside, img)
		}
	}
	for _, img := range aside {
		t.placeAside(img)
	}
	return t
}

func newDir(path string) *Dir {
	return &Dir{Path: path, dirs: make(map[string]*Dir), files: make(map[string]*File)}
}

func parent(p string) string {
	dir, _ := path.Split(p)
	return strings.TrimSuffix(dir, "/")
}

func (t *Tree) makeDir(p string) *Dir {
	if d, ok := t.dirs[p]; ok {
		return d
	}
	d := newDir(p)
	t.dirs[p] = d
	t.makeDir(parent(p)).dirs[path.Base(p)] = d
	return d
}

// place puts an image at a path, unless something is there.
func (t *Tree) place(img *meta.Image, p string) bool {
	d, name := t.dirs[parent(p)], path.Base(p)
	if d.dirs[name] != nil || d.files[name] != nil {
		return false
	}
	f := &File{Image: img, Path: p}
	d.files[name] = f
	t.files[img.ID] = f
	return true
}

func (t *Tree) placeAside(img *meta.Image) {
	plain := img.Name
	if !IsPath(plain) {
		plain = flat(plain)
	}
	for p := range asides(plain, img.ID) {
		if t.place(img, p) {
			return
		}
	}
}

// Dir returns the directory at a path ("" is the root), or nil.
func (t *Tree) Dir(path string) *Dir { return t.dirs[path] }

// File returns the image of an id, or nil.
func (t *Tree) File(id meta.ID) *File { return t.files[id] }

// Prior returns an image that keeps a path although another image gets it as its name,
// and one that has it now goes: the oldest of a name does. It is nil if there is none.
func (t *Tree) Prior(name string, img *meta.Image, going meta.ID) *File {
	d := t.dirs[parent(name)]
	if d == nil {
		return nil
	}
	for _, f := range d.files {
		if f.Image.Name == name && f.Image.ID != going && older(f.Image, img) < 0 {
			return f
		}
	}
	return nil
}

// Len is the number of images.
func (t *Tree) Len() int { return len(t.files) }

// Bytes is the sum of the images' sizes.
func (t *Tree) Bytes() int64 { return t.bytes }

// File returns the image that has a name in the directory, or nil.
func (d *Dir) File(name string) *File { return d.files[name] }

// Sub returns the directory that has a name in this one, or nil. It may be Emptied.
func (d *Dir) Sub(name string) *Dir { return d.dirs[name] }

// Names lists a directory's entries in alphabetical order.
func (d *Dir) Names() []string {
	names := slices.AppendSeq(make([]string, 0, len(d.dirs)+len(d.files)), maps.Keys(d.files))
	for name, sub := range d.dirs {
		if !sub.Emptied {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Empty reports whether a directory lists nothing.
func (d *Dir) Empty() bool {
	for _, sub := range d.dirs {
		if !sub.Emptied {
			return false
		}
	}
	return len(d.files) == 0
}

// All returns the images in a directory and below.
func (d *Dir) All() []*meta.Image {
	var all []*meta.Image
	for _, f := range d.files {
		all = append(all, f.Image)
	}
	for _, sub := range d.dirs {
		all = append(all, sub.All()...)
	}
	return all
}
