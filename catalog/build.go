package catalog

import (
	"cmp"
	"slices"

	"github.com/tidwall/btree"

	"github.com/visorfs/visorfs/meta"
)

// NewTree gives each image its path. Directories at dirs exist also without one. It alone
// says who gets which path; what an [edit] does is what it would do.
func NewTree(images []*meta.Image, dirs ...string) *Tree {
	e := newEdit()
	var named, aside []*meta.Image
	for _, img := range images {
		if IsPath(img.Name) {
			named = append(named, img)
		} else {
			aside = append(aside, img)
		}
	}
	// In the order of names, in which the entries are added the fastest.
	slices.SortFunc(named, func(a, b *meta.Image) int { return cmp.Or(cmp.Compare(a.Name, b.Name), older(a, b)) })
	for _, img := range named {
		e.makeDir(parent(img.Name))
	}
	for _, p := range dirs {
		e.makeDir(p).pinned = true
	}
	for _, img := range named {
		if !e.addNamed(e.makeDir(parent(img.Name)), img) {
			aside = append(aside, img)
		}
	}
	slices.SortFunc(aside, older)
	for _, img := range aside {
		e.addAside(img)
	}
	return e.tree
}

func newDir(path string, edit uint64) *Dir {
	return &Dir{Path: path, entries: new(btree.Map[string, entry]), edit: edit}
}

func newEdit() *edit {
	t := &Tree{
		files:  new(btree.Map[meta.ID, *File]),
		claims: btree.NewBTreeGOptions(claim.less, btree.Options{NoLocks: true}),
	}
	e := &edit{tree: t, mark: marks.Add(1)}
	t.root = newDir("", e.mark)
	return e
}
