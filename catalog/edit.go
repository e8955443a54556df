package catalog

import (
	"path"
	"sync/atomic"

	"github.com/visorfs/visorfs/meta"
)

// edit makes a tree from another, in time that does not grow with it: of what lies on the
// way to a change it makes copies, once, and the rest the two trees share. It does what is
// settled between an image and the paths that it has and claims. What would move other
// images it leaves undone, and says so: then the tree is to be built anew.
type edit struct {
	tree *Tree
	mark uint64 // in the directories that are its own

	// Paths where something came to be from nothing, or went: emptied directories
	// there, that were out of reach, no longer are.
	laidBare []string
}

var marks atomic.Uint64

// edit begins to make another tree of this one. Only one goroutine at a time may begin.
func (t *Tree) edit() *edit {
	next := *t
	next.files, next.claims = t.files.Copy(), t.claims.Copy()
	return &edit{tree: &next, mark: marks.Add(1)}
}

// change puts an image in the place of what was known of it. Nil is that there is none.
func (e *edit) change(before, img *meta.Image) bool {
	if before != nil {
		f := e.tree.File(before.ID)
		if img != nil && img.Name == before.Name && img.CreatedAt.Equal(before.CreatedAt) {
			e.replace(f, img)
			return true
		}
		if !e.remove(f) {
			return false
		}
	}
	return img == nil || e.add(img)
}

// replace gives a file other attributes, which do not matter for its path.
func (e *edit) replace(f *File, img *meta.Image) {
	next := &File{Image: img, Path: f.Path}
	if f.isAside() {
		e.unclaim(f)
		e.claim(next)
	} else {
		next.Path = img.Name // of two equal strings only one need be kept
	}
	e.put(next)
	e.tree.bytes -= f.Image.Size
}

// add gives a new image its path.
func (e *edit) add(img *meta.Image) bool {
	if !IsPath(img.Name) {
		return e.addAside(img)
	}
	d := e.makeDir(parent(img.Name))
	if d == nil {
		return false
	}
	if f := d.File(path.Base(img.Name)); f != nil && (f.isAside() || older(img, f.Image) < 0) {
		return false // that one has to give way
	}
	return e.addNamed(d, img) || e.addAside(img)
}

// addNamed gives an image its name as its path, unless something is there.
func (e *edit) addNamed(d *Dir, img *meta.Image) bool {
	if !d.isFree(path.Base(img.Name)) {
		return false
	}
	e.put(&File{Image: img, Path: img.Name})
	return true
}

// addAside gives an image the first of its other paths where nothing is.
func (e *edit) addAside(img *meta.Image) bool {
	d := e.tree.root
	if IsPath(img.Name) {
		d = e.tree.Dir(parent(img.Name))
	}
	for p := range asides(plainPath(img), img.ID) {
		name := path.Base(p)
		if d.isFree(name) {
			f := &File{Image: img, Path: p}
			e.claim(f)
			e.put(f)
			return true
		}
		if f := d.File(name); f != nil && f.isAside() && older(img, f.Image) < 0 {
			return false // that one has to give way
		}
	}
	return false
}

// plainPath is what an image's other paths are made from.
func plainPath(img *meta.Image) string {
	if IsPath(img.Name) {
		return img.Name
	}
	return flat(img.Name)
}

// claimed yields the paths that an image which moved aside would rather have.
func claimed(f *File) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		if IsPath(f.Image.Name) && !yield(f.Image.Name) {
			return
		}
		for p := range asides(plainPath(f.Image), f.Image.ID) {
			if p == f.Path || !yield(p) {
				return
			}
		}
	}
}

func (e *edit) claim(f *File) {
	for p := range claimed(f) {
		e.tree.claims.Set(claim{p, f.Image})
	}
}

func (e *edit) unclaim(f *File) {
	for p := range claimed(f) {
		e.tree.claims.Delete(claim{p, f.Image})
	}
}

// put puts a file where it says it is. An emptied directory gives way to it.
func (e *edit) put(f *File) {
	d, name := e.dir(parent(f.Path)), path.Base(f.Path)
	d.entries.Set(name, entry{file: f})
	if d.emptied != nil {
		d.emptied.Delete(name)
	}
	e.tree.files.Set(f.Image.ID, f)
	e.tree.bytes += f.Image.Size
}

// remove takes a file out. Directories that then list nothing are Emptied.
func (e *edit) remove(f *File) bool {
	if e.tree.isClaimed(f.Path) {
		return false
	}
	if f.isAside() {
		e.unclaim(f)
	}
	e.dir(parent(f.Path)).entries.Delete(path.Base(f.Path))
	e.tree.files.Delete(f.Image.ID)
	e.tree.bytes -= f.Image.Size
	e.laidBare = append(e.laidBare, f.Path)
	return e.fade(parent(f.Path))
}

// isFree reports whether an image can have a name in a directory.
func (d *Dir) isFree(name string) bool {
	_, taken := d.entries.Get(name)
	return !taken
}

// dir returns the directory at a path, which must be there, for this edit to change.
func (e *edit) dir(p string) *Dir {
	if p == "" {
		e.tree.root = e.own(e.tree.root)
		return e.tree.root
	}
	above, name := e.dir(parent(p)), path.Base(p)
	d := above.Sub(name)
	if d.edit == e.mark {
		return d
	}
	d = e.own(d)
	if d.Emptied {
		above.emptied.Set(name, d)
	} else {
		above.entries.Set(name, entry{dir: d})
	}
	return d
}

// own returns a directory that this edit may change: a copy, unless it made it itself.
func (e *edit) own(d *Dir) *Dir {
	if d.edit == e.mark {
		return d
	}
	c := *d
	c.edit = e.mark
	c.entries = d.entries.Copy()
	if d.emptied != nil {
		c.emptied = d.emptied.Copy()
	}
	return &c
}
