package catalog

import (
	"errors"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// Errors of directories.
var (
	ErrExist    = errors.New("there is something of that name already")
	ErrNotExist = errors.New("there is no such directory")
	ErrNotEmpty = errors.New("the directory is not empty")
)

// lingering is how long, at least, a directory that this mount emptied can still be
// found: rm -r and mv remove it after its last file.
const lingering = 10 * time.Second

// localDirs are directories that no image makes. They live in this mount.
type localDirs struct {
	made    map[string]bool      // by Mkdir
	held    map[string]int       // by Hold, and how often
	emptied map[string]time.Time // of their last image, by this mount
}

func newLocalDirs() localDirs {
	return localDirs{made: make(map[string]bool), held: make(map[string]int), emptied: make(map[string]time.Time)}
}

// listed returns those that are there whatever the images are.
func (l *localDirs) listed() []string {
	return slices.AppendSeq(slices.Collect(maps.Keys(l.made)), maps.Keys(l.held))
}

// addTo puts emptied directories into a tree, where nothing else has taken the path.
func (l *localDirs) addTo(t *Tree) {
	for _, p := range slices.Sorted(maps.Keys(l.emptied)) {
		above := t.dirs[parent(p)]
		if t.dirs[p] == nil && above != nil && above.File(path.Base(p)) == nil {
			t.makeDir(p).Emptied = true
		}
	}
}

// expire forgets the directories that were emptied long ago, and returns them.
func (l *localDirs) expire() (gone []string) {
	for p, since := range l.emptied {
		if time.Since(since) > lingering {
			gone = append(gone, p)
			delete(l.emptied, p)
		}
	}
	return gone
}

// forget ends what Mkdir made, and what lingers, at a path and below.
func (l *localDirs) forget(p string) {
	maps.DeleteFunc(l.made, func(dir string, _ bool) bool { return within(dir, p) })
	maps.DeleteFunc(l.emptied, func(dir string, _ time.Time) bool { return within(dir, p) })
}

// move gives what Mkdir made at a path and below another place, where nothing was but
// perhaps an empty directory.
func (l *localDirs) move(from, to string) {
	l.forget(to)
	for dir := range maps.Clone(l.made) {
		if within(dir, from) {
			l.made[to+strings.TrimPrefix(dir, from)] = true
		}
	}
	l.forget(from)
}

// within reports whether a path is a directory or below it.
func within(p, dir string) bool {
	rest, ok := strings.CutPrefix(p, dir)
	return ok && (rest == "" || rest[0] == '/')
}

// Mkdir makes a directory. It lives until Rmdir, whatever comes into it and goes.
// Errors: ErrExist, ErrNotExist for the one that it would be in.
func (c *Catalog) Mkdir(p string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	above, name := c.build().dirs[parent(p)], path.Base(p)
	switch {
	case above == nil:
		return ErrNotExist
	case above.File(name) != nil, above.Sub(name) != nil && !above.Sub(name).Emptied:
		return ErrExist
	}
	c.dirs.made[p] = true
	delete(c.dirs.emptied, p)
	c.tree = nil
	return nil
}

// Rmdir removes an empty directory.
// Errors: ErrNotExist, ErrNotEmpty.
func (c *Catalog) Rmdir(p string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch d := c.build().dirs[p]; {
	case d == nil:
		return ErrNotExist
	case !d.Empty() || c.dirs.held[p] > 0:
		return ErrNotEmpty
	}
	c.dirs.forget(p)
	c.linger(parent(p))
	c.tree = nil
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
		c.tree = nil
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
		c.linger(p)
		c.tree = nil
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
	if d := c.build().dirs[from]; d != nil && d.Emptied {
		c.dirs.made[from] = true // or it would not be there either
	}
	for _, img := range images {
		if c.images == nil || c.images[img.ID] != nil { // it may have been removed meanwhile
			c.apply(localChange{img.ID, img})
		}
	}
	c.dirs.move(from, to)
	c.linger(parent(from))
	c.tree = nil
}

// expire forgets directories that were emptied long ago: who watches is told of them with
// the next listing. The caller holds mu.
func (c *Catalog) expire() { c.expired = append(c.expired, c.dirs.expire()...) }

// linger keeps a directory, and those above it, in reach if a change by this mount left
// nothing in it. The caller holds mu.
func (c *Catalog) linger(p string) {
	c.expire()
	for ; p != "" && !c.occupied(p); p = parent(p) {
		c.dirs.emptied[p] = time.Now()
	}
}

// occupied reports whether there is a reason to list a directory. The caller holds mu.
func (c *Catalog) occupied(p string) bool {
	below := func(dir string) bool { return within(dir, p) }
	if slices.ContainsFunc(c.dirs.listed(), below) {
		return true
	}
	for _, img := range c.images {
		if len(img.Name) > len(p) && within(img.Name, p) && IsPath(img.Name) {
			return true
		}
	}
	return false
}
