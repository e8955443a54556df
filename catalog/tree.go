package catalog

import (
	"path"
	"strings"

	"github.com/tidwall/btree"

	"github.com/visorfs/visorfs/meta"
)

// Tree is one listing as directories and files. It is immutable: an [edit] makes another
// from it, and the two share what is the same.
type Tree struct {
	root   *Dir
	files  *btree.Map[meta.ID, *File]
	claims *btree.BTreeG[claim]
	bytes  int64
}

// Dir is a directory of a tree, as immutable as that.
type Dir struct {
	Path    string // "" for the root
	Emptied bool   // by this mount, and not to be listed: see [Catalog]

	pinned  bool                      // it is there also without an image
	entries *btree.Map[string, entry] // what it lists, by name
	emptied *btree.Map[string, *Dir]  // directories in it that are Emptied, by name; nil for none
	edit    uint64                    // the one that made it, and may still change it
}

// entry is a file or a directory; the other is nil.
type entry struct {
	file *File
	dir  *Dir
}

// File is an image with a path.
type File struct {
	Image    *meta.Image
	Path     string
	Unlisted bool // it is in no listing, and so in no [Tree]: the path is that of its id
}

// isAside reports whether something else has the path that is the image's name.
func (f *File) isAside() bool { return f.Path != f.Image.Name }

// claim is that an image which moved aside would rather have a path.
type claim struct {
	path  string
	image *meta.Image // nil comes before all others
}

func (a claim) less(b claim) bool {
	switch {
	case a.path != b.path:
		return a.path < b.path
	case a.image == nil || b.image == nil:
		return a.image == nil && b.image != nil
	}
	return older(a.image, b.image) < 0
}

func parent(p string) string {
	dir, _ := path.Split(p)
	return strings.TrimSuffix(dir, "/")
}

// Dir returns the directory at a path ("" is the root), or nil.
func (t *Tree) Dir(path string) *Dir {
	d := t.root
	for name, rest, more := "", path, path != ""; more && d != nil; {
		name, rest, more = strings.Cut(rest, "/")
		d = d.Sub(name)
	}
	return d
}

// File returns the image of an id, or nil.
func (t *Tree) File(id meta.ID) *File {
	f, _ := t.files.Get(id)
	return f
}

// Prior returns an image that keeps a path although another image gets it as its name,
// and one that has it now goes: the oldest of a name does. It is nil if there is none.
func (t *Tree) Prior(name string, img *meta.Image, going meta.ID) *File {
	isPrior := func(other *meta.Image) bool {
		return other.Name == name && other.ID != going && older(other, img) < 0
	}
	if d := t.Dir(parent(name)); d != nil {
		if f := d.File(path.Base(name)); f != nil && isPrior(f.Image) {
			return f
		}
	}
	for claimant := range t.claimants(name) {
		if isPrior(claimant) {
			return t.File(claimant.ID)
		}
	}
	return nil
}

// claimants returns the images that would rather have a path, the oldest first.
func (t *Tree) claimants(p string) func(yield func(*meta.Image) bool) {
	return func(yield func(*meta.Image) bool) {
		t.claims.Ascend(claim{path: p}, func(c claim) bool { return c.path == p && yield(c.image) })
	}
}

// isClaimed reports whether an image would move to a path if that were free.
func (t *Tree) isClaimed(p string) bool {
	for range t.claimants(p) {
		return true
	}
	return false
}

// Len is the number of images.
func (t *Tree) Len() int { return t.files.Len() }

// Bytes is the sum of the images' sizes.
func (t *Tree) Bytes() int64 { return t.bytes }

// File returns the image that has a name in the directory, or nil.
func (d *Dir) File(name string) *File {
	e, _ := d.entries.Get(name)
	return e.file
}

// Sub returns the directory that has a name in this one, or nil. It may be Emptied.
func (d *Dir) Sub(name string) *Dir {
	if e, ok := d.entries.Get(name); ok || d.emptied == nil {
		return e.dir
	}
	sub, _ := d.emptied.Get(name)
	return sub
}

// Len is the number of entries that the directory lists.
func (d *Dir) Len() int { return d.entries.Len() }

// At returns an entry by its place in alphabetical order, from 0 to Len()-1: a file, or a
// directory and no file.
func (d *Dir) At(i int) (name string, f *File, sub *Dir) {
	name, e, _ := d.entries.GetAt(i)
	return name, e.file, e.dir
}

// Names lists a directory's entries in alphabetical order.
func (d *Dir) Names() []string { return d.entries.Keys() }

// Empty reports whether a directory lists nothing.
func (d *Dir) Empty() bool { return d.entries.Len() == 0 }

// All returns the images in a directory and below.
func (d *Dir) All() []*meta.Image {
	var all []*meta.Image
	d.entries.Scan(func(_ string, e entry) bool {
		if e.file != nil {
			all = append(all, e.file.Image)
		} else {
			all = append(all, e.dir.All()...)
		}
		return true
	})
	return all
}
