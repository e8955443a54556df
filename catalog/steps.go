package catalog

import (
	"maps"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// Steady says that this mount is changing images in several steps, and will say what
// came out of it. Until done is called, listings do not show what lies between. If nothing
// was said by then the server is asked once more, who may have a change of another client.
func (c *Catalog) Steady(ids ...meta.ID) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, id := range ids {
		c.steady[id]++
	}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, id := range ids {
			if c.steady[id]--; c.steady[id] == 0 {
				delete(c.steady, id)
				c.unveil(func(veiled meta.ID, _ string) bool { return veiled == id })
			}
		}
	}
}

// Expect says that the server is about to have an image of a name, which will be told
// to Replace. Until done is called, a listing that already has it does not show it
// beside the one it takes the place of. If it was not told by then the server is asked once
// more: the image may be another client's.
func (c *Catalog) Expect(name string) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected[name]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.expected[name]--; c.expected[name] == 0 {
			delete(c.expected, name)
			c.unveil(func(_ meta.ID, veiled string) bool { return veiled == name })
		}
	}
}

// unveil makes the next look ask the server if something was kept out of the last listing of
// which nothing was said since. The caller holds mu.
func (c *Catalog) unveil(is func(id meta.ID, name string) bool) {
	for id, name := range c.veiled {
		if is(id, name) {
			delete(c.veiled, id)
			c.fetched = time.Time{}
		}
	}
}

// hides reports whether hide may show something else than the server has. The caller
// holds mu.
func (c *Catalog) hides() bool { return len(c.steady)+len(c.hidden)+len(c.expected) > 0 }

// hide takes out of a listing what Replace, Expect and Steady speak of. It returns the names
// of what Expect and Steady kept out. The caller holds mu.
func (c *Catalog) hide(images map[meta.ID]*meta.Image) (veiled map[meta.ID]string) {
	veiled = make(map[meta.ID]string)
	for id := range c.steady {
		if known := c.images[id]; known != nil && images[id] != known {
			veiled[id] = known.Name
			images[id] = known
		}
	}
	for id := range c.hidden {
		delete(images, id)
	}
	if len(c.expected) == 0 {
		return veiled
	}
	maps.DeleteFunc(images, func(id meta.ID, img *meta.Image) bool {
		if c.expected[img.Name] == 0 || c.images[id] != nil {
			return false
		}
		veiled[id] = img.Name
		return true
	})
	return veiled
}
