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
	Path  string           // "" for the root
	Dirs  map[string]*Dir  // by name
	Files map[string]*File // by name
}

// File is an image with a path.
type File struct {
	Image *meta.Image
	Path  string
}

// NewTree gives each image its path.
func NewTree(images []*meta.Image) *Tree {
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
	return &Dir{Path: path, Dirs: make(map[string]*Dir), Files: make(map[string]*File)}
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
	t.makeDir(parent(p)).Dirs[path.Base(p)] = d
	return d
}

// place puts an image at a path, unless something is there.
func (t *Tree) place(img *meta.Image, p string) bool {
	d, name := t.dirs[parent(p)], path.Base(p)
	if d.Dirs[name] != nil || d.Files[name] != nil {
		return false
	}
	f := &File{Image: img, Path: p}
	d.Files[name] = f
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

// Len is the number of images.
func (t *Tree) Len() int { return len(t.files) }

// Bytes is the sum of the images' sizes.
func (t *Tree) Bytes() int64 { return t.bytes }

// Names lists a directory's entries in alphabetical order.
func (d *Dir) Names() []string {
	names := slices.AppendSeq(make([]string, 0, len(d.Dirs)+len(d.Files)), maps.Keys(d.Dirs))
	names = slices.AppendSeq(names, maps.Keys(d.Files))
	slices.Sort(names)
	return names
}
