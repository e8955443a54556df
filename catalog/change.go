package catalog

import (
	"cmp"
	"path"
	"slices"

	"github.com/visorfs/visorfs/meta"
)

// Entry is what a path leads to. The zero value is nothing.
type Entry struct {
	Image *meta.Image
	Dir   bool
}

// Is reports whether two entries are the same image, whatever its attributes, or
// directories, or nothing.
func (e Entry) Is(other Entry) bool {
	if e.Image == nil || other.Image == nil {
		return e == other
	}
	return e.Image.ID == other.Image.ID
}

// Change is what became of a path.
type Change struct {
	Path    string
	Was, Is Entry
}

// At returns what a path leads to, a directory that is Emptied included.
func (t *Tree) At(p string) Entry {
	if t.Dir(p) != nil {
		return Entry{Dir: true}
	}
	if above := t.Dir(parent(p)); above != nil {
		if f := above.File(path.Base(p)); f != nil {
			return Entry{Image: f.Image}
		}
	}
	return Entry{}
}

// comparison finds the changes between two trees by their causes: images that are not
// what they were, and directories that live in this mount. What moved for them, because
// a path was taken or became free, is found from there, so that many images which stay as
// they are cost nothing.
type comparison struct {
	was, is *Tree
	seen    map[string]bool
	changes []Change
}

// compare returns the changes, those below a directory before its own.
func compare(was, is *Tree, images []meta.ID, dirs []string) []Change {
	c := comparison{was: was, is: is, seen: make(map[string]bool)}
	for _, id := range images {
		c.image(id)
	}
	for _, dir := range dirs {
		c.path(dir)
	}
	slices.SortFunc(c.changes, func(a, b Change) int { return cmp.Compare(b.Path, a.Path) })
	return c.changes
}

// image looks at where an image was, and is.
func (c *comparison) image(id meta.ID) {
	for _, tree := range []*Tree{c.was, c.is} {
		if f := tree.File(id); f != nil {
			c.path(f.Path)
		}
	}
}

// path looks at a path, at the directories above it, and at where the images are that
// had it or have it.
func (c *comparison) path(p string) {
	for ; p != "" && !c.seen[p]; p = parent(p) {
		c.seen[p] = true
		was, is := c.was.At(p), c.is.At(p)
		if was == is {
			continue
		}
		c.changes = append(c.changes, Change{Path: p, Was: was, Is: is})
		for _, e := range []Entry{was, is} {
			if e.Image != nil && !was.Is(is) {
				c.image(e.Image.ID)
			}
		}
	}
}
