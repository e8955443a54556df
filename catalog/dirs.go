package catalog

import (
	"errors"
	"path"
	"slices"

	"github.com/visorfs/visorfs/meta"
)

// Errors of directories.
var (
	ErrExist    = errors.New("there is something of that name already")
	ErrNotExist = errors.New("there is no such directory")
	ErrNotEmpty = errors.New("the directory is not empty")
)

// Mkdir makes a directory. It lives until Rmdir, whatever comes into it and goes.
// Errors: ErrExist, ErrNotExist for the one that it would be in.
func (c *Catalog) Mkdir(p string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	above, name := c.build().Dir(parent(p)), path.Base(p)
	switch {
	case above == nil:
		return ErrNotExist
	case above.File(name) != nil, above.Sub(name) != nil && !above.Sub(name).Emptied:
		return ErrExist
	}
	c.dirs.made[p] = true
	c.dirs.emptied.Delete(p)
	c.edit(func(e *edit) bool { return e.pin(p) })
	return nil
}

// Rmdir removes an empty directory.
// Errors: ErrNotExist, ErrNotEmpty.
func (c *Catalog) Rmdir(p string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch d := c.build().Dir(p); {
	case d == nil:
		return ErrNotExist
	case !d.Empty() || c.dirs.held[p] > 0:
		return ErrNotEmpty
	}
	c.dirs.forget(p)
	c.edit(func(e *edit) bool {
		settled := e.unpin(p)
		e.drop(p)
		return settled
	})
	c.linger(parent(p))
	return nil
}

// Hold keeps a directory for a file that no listing has, until Release.
func (c *Catalog) Hold(p string) {
	if p == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dirs.held[p]++; c.dirs.held[p] == 1 {
		c.edit(func(e *edit) bool { return e.pin(p) })
	}
}

// Release ends one Hold.
func (c *Catalog) Release(p string) {
	if p == "" {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dirs.held[p]--; c.dirs.held[p] == 0 {
		delete(c.dirs.held, p)
		c.edit(func(e *edit) bool { return c.dirs.isListed(p) || e.unpin(p) })
		c.linger(p)
	}
}

// Held reports whether a directory is held for files in it.
func (c *Catalog) Held(p string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dirs.held[p] > 0
}

// MoveDir shows a directory at another path, in one step with the images below it,
// which are given as the server has them now.
func (c *Catalog) MoveDir(from, to string, images ...*meta.Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d := c.build().Dir(from); d != nil && d.Emptied {
		c.dirs.made[from] = true // or it would not be there either
	}
	var changes []localChange
	for _, img := range images {
		if c.images == nil || c.images[img.ID] != nil { // it may have been removed meanwhile
			changes = append(changes, localChange{img.ID, img})
		}
	}
	c.apply(changes...)
	concerned := c.dirs.move(from, to)
	c.edit(func(e *edit) bool { return e.move(concerned, from, to, c.dirs.isListed) })
	c.linger(parent(from))
}

// expire forgets directories that were emptied long ago: who watches is told of them with
// the next listing. The caller holds mu.
func (c *Catalog) expire() {
	expired := c.dirs.expire()
	if len(expired) == 0 {
		return
	}
	c.expired = append(c.expired, expired...)
	c.edit(func(e *edit) bool {
		for _, p := range expired {
			e.drop(p)
		}
		return true
	})
}

// tidy takes out directories, and those above them, that a change by others left nothing
// in. The caller holds mu.
func (c *Catalog) tidy(p string) {
	c.edit(func(e *edit) bool {
		for ; p != ""; p = parent(p) {
			d := e.tree.Dir(p)
			if d != nil && !d.Emptied {
				break
			}
			if _, lingers := c.dirs.emptied.Get(p); !lingers {
				e.drop(p)
			}
		}
		return true
	})
}

// linger keeps directories, and those above them, in reach if a change by this mount left
// nothing in them. The caller holds mu.
func (c *Catalog) linger(dirs ...string) {
	c.expire()
	for _, p := range dirs {
		var bare []string
		for ; p != "" && !c.isListed(p); p = parent(p) {
			bare = append(bare, p)
		}
		for _, p := range slices.Backward(bare) {
			c.edit(func(e *edit) bool { e.linger(p); return true })
			c.dirs.empty(p)
		}
	}
}

// isListed reports whether there is a reason to list a directory. The caller holds mu.
func (c *Catalog) isListed(p string) bool {
	d := c.build().Dir(p)
	return d != nil && !d.Emptied
}
