package catalog

import (
	"path"

	"github.com/tidwall/btree"
)

// makeDir returns the directory at a path, which is listed from now on. It is nil if a
// file is in the way.
func (e *edit) makeDir(p string) *Dir {
	if p == "" {
		return e.dir("")
	}
	above := e.makeDir(parent(p))
	if above == nil {
		return nil
	}
	name := path.Base(p)
	at, taken := above.entries.Get(name)
	if taken && at.dir == nil {
		return nil
	}
	if taken && at.dir.edit == e.mark {
		return at.dir
	}
	d := above.Sub(name)
	if d == nil {
		d = newDir(p, e.mark)
		e.laidBare = append(e.laidBare, p)
	}
	d = e.own(d)
	if d.Emptied {
		d.Emptied = false
		above.emptied.Delete(name)
	}
	above.entries.Set(name, entry{dir: d})
	return d
}

// linger puts an Emptied directory at a path, unless something is there, or nothing above.
func (e *edit) linger(p string) {
	above, name := e.tree.Dir(parent(p)), path.Base(p)
	if above == nil || above.Sub(name) != nil || above.File(name) != nil {
		return
	}
	d := newDir(p, e.mark)
	d.Emptied = true
	e.dir(above.Path).setEmptied(name, d)
	e.laidBare = append(e.laidBare, p)
}

func (d *Dir) setEmptied(name string, sub *Dir) {
	if d.emptied == nil {
		d.emptied = new(btree.Map[string, *Dir])
	}
	d.emptied.Set(name, sub)
}

// pin lists a directory whatever is in it.
func (e *edit) pin(p string) bool {
	d := e.makeDir(p)
	if d != nil {
		d.pinned = true
	}
	return d != nil
}

// unpin ends what pin did.
func (e *edit) unpin(p string) bool {
	e.dir(p).pinned = false
	return e.fade(p)
}

// fade makes a directory Emptied, and those above it, if there is no reason left to list it.
func (e *edit) fade(p string) bool {
	for ; p != ""; p = parent(p) {
		d := e.tree.Dir(p)
		if d.Emptied || d.pinned || !d.Empty() {
			return true
		}
		if e.tree.isClaimed(p) {
			return false // by an image that was moved aside for the directory
		}
		above, name := e.dir(parent(p)), path.Base(p)
		d = e.own(d)
		d.Emptied = true
		above.entries.Delete(name)
		above.setEmptied(name, d)
	}
	return true
}

// drop takes a directory out that is Emptied, with what is Emptied in it.
func (e *edit) drop(p string) {
	if d := e.tree.Dir(p); d != nil && d.Emptied {
		e.dir(parent(p)).emptied.Delete(path.Base(p))
	}
}

// move shows that what Mkdir made went from one directory to another: those that are
// concerned are listed now, or are not.
func (e *edit) move(concerned []string, from, to string, isListed func(string) bool) bool {
	for _, p := range concerned {
		switch d := e.tree.Dir(p); {
		case isListed(p):
			if !e.pin(p) {
				return false
			}
		case d != nil && !e.unpin(p):
			return false
		}
	}
	for _, p := range append(concerned, from) {
		e.drop(p)
	}
	source, target := e.tree.Dir(from), e.tree.Dir(to)
	return source == nil && target != nil && !target.Emptied
}
