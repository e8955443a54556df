package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// Fetching returns a catalog of what a function lists, without ETags.
func Fetching(ttl time.Duration, fetch func(context.Context) ([]*meta.Image, error)) *Catalog {
	return newCatalog(nil, ttl, func(ctx context.Context, _ string) (visclient.List, error) {
		images, err := fetch(ctx)
		return visclient.List{Images: images}, err
	})
}

// Land tells the catalog what a server lists.
func (c *Catalog) Land(images []*meta.Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.land(visclient.List{Images: images})
	c.fetched = time.Now()
}

// Afresh is the tree of what is known, built anew.
func (c *Catalog) Afresh() *Tree {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dirs.addTo(NewTree(slices.Collect(maps.Values(c.images)), c.dirs.listed()...))
}

// IsKept reports whether the tree is there, and need not be built anew.
func (c *Catalog) IsKept() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tree != nil
}

// LetTimePass makes what lingers now older.
func (c *Catalog) LetTimePass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.dirs.emptied.Keys() {
		when, _ := c.dirs.emptied.Get(p)
		c.dirs.emptied.Set(p, when.Add(-d))
	}
	for i := range c.dirs.queue {
		c.dirs.queue[i].when = c.dirs.queue[i].when.Add(-d)
	}
}

// Dump spells all that a tree is.
func (t *Tree) Dump() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d images of %d bytes\n", t.Len(), t.Bytes())
	t.root.dump(&b)
	t.files.Scan(func(id meta.ID, f *File) bool {
		fmt.Fprintf(&b, "%s is %q, %q of %d bytes\n", id, f.Path, f.Image.Name, f.Image.Size)
		return true
	})
	t.claims.Scan(func(c claim) bool {
		fmt.Fprintf(&b, "%q is claimed by %s of %d bytes\n", c.path, c.image.ID, c.image.Size)
		return true
	})
	return b.String()
}

func (d *Dir) dump(b *strings.Builder) {
	fmt.Fprintf(b, "directory %q: emptied %t, pinned %t, lists %d %q\n", d.Path, d.Emptied, d.pinned, d.Len(), d.Names())
	for i := range d.Len() {
		name, f, sub := d.At(i)
		switch {
		case f != d.File(name) || sub != d.Sub(name) || (f == nil) == (sub == nil):
			fmt.Fprintf(b, "entry %q is %v and %v, by its name %v and %v\n", name, f, sub, d.File(name), d.Sub(name))
		case f != nil:
			fmt.Fprintf(b, "file %q in %q: %s\n", name, d.Path, f.Image.ID)
		default:
			sub.dump(b)
		}
	}
	if d.emptied != nil {
		d.emptied.Scan(func(_ string, sub *Dir) bool { sub.dump(b); return true })
	}
}

// Latest is the tree of what is known, however old, or nil.
func (c *Catalog) Latest() *Tree {
	tree, _ := c.Known()
	return tree
}
