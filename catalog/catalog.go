package catalog

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// afterFailure is how long a failed listing answers for all who ask, so that the
// many lookups behind one "ls" of a server that is away do not wait one by one.
const afterFailure = 300 * time.Millisecond

// Catalog is the current tree of a repository. It is safe for concurrent use.
type Catalog struct {
	client *visclient.Client
	ttl    time.Duration
	flight singleflight.Group

	mu       sync.Mutex
	images   map[meta.ID]*meta.Image // of the last listing, with the local changes since
	fetched  time.Time               // when that listing was asked for; zero before the first
	tree     *Tree                   // of images; nil when they have changed
	failed   error                   // of the last listing
	failAt   time.Time
	listing  bool             // one is under way
	changes  []change         // local ones since it began
	hidden   map[meta.ID]bool // replaced by this mount, and about to be deleted
	expected map[string]int   // names of images about to replace others, and how many
	steady   map[meta.ID]int  // images that this mount is changing, and in how many ways
	dirs     localDirs
}

// change is what this mount did to an image: a nil image was deleted.
type change struct {
	id  meta.ID
	img *meta.Image
}

// New returns a catalog of the images that a client's user may see. A listing is
// good for ttl.
func New(client *visclient.Client, ttl time.Duration) *Catalog {
	return &Catalog{
		client: client, ttl: ttl,
		hidden:   make(map[meta.ID]bool),
		expected: make(map[string]int),
		steady:   make(map[meta.ID]int),
		dirs:     newLocalDirs(),
	}
}

// Tree returns a tree that was no older than the time to live when it was called for,
// asking the server if need be. The caller may stop waiting; the listing goes on for the
// others.
func (c *Catalog) Tree(ctx context.Context) (*Tree, error) {
	oldest := time.Now().Add(-c.ttl)
	for {
		if tree, err, ok := c.current(); ok {
			return tree, err
		}
		done := c.flight.DoChan("", func() (any, error) { return c.fly(context.WithoutCancel(ctx)) })
		select {
		case result := <-done:
			landed, _ := result.Val.(listing)
			if result.Err == nil && landed.asked.Before(oldest) {
				continue // it had begun long before this call
			}
			return landed.tree, result.Err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// listing is a tree and the time when it was asked for.
type listing struct {
	tree  *Tree
	asked time.Time
}

// fly is what one flight does for all who wait for it.
func (c *Catalog) fly(ctx context.Context) (listing, error) {
	if tree, err, ok := c.current(); ok {
		return listing{tree, time.Now()}, err // of a flight that landed in between
	}
	asked := time.Now()
	tree, err := c.list(ctx, asked)
	return listing{tree, asked}, err
}

// Fresh says how long the current tree is still good for.
func (c *Catalog) Fresh() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return max(0, c.ttl-time.Since(c.fetched))
}

// Put makes images that this mount registered or changed visible at once, in one step.
func (c *Catalog) Put(images ...*meta.Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, img := range images {
		delete(c.hidden, img.ID)
		c.apply(change{img.ID, img})
	}
}

// Remove hides an image that this mount deleted, at once.
func (c *Catalog) Remove(id meta.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.hidden, id)
	c.apply(change{id, nil})
}

// Steady says that this mount is changing images in several steps, and will say what
// came out of it. Until done is called, listings do not show what lies between.
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
			}
		}
	}
}

// Expect says that the server is about to have an image of a name, which will be told
// to Replace. Until done is called, a listing that already has it does not show it
// beside the one it takes the place of.
func (c *Catalog) Expect(name string) (done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected[name]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.expected[name]--; c.expected[name] == 0 {
			delete(c.expected, name)
		}
	}
}

// Replace shows an image in the place of another that is about to be deleted: from
// now on, whatever the server lists, until Remove or Put says what became of it.
func (c *Catalog) Replace(old meta.ID, img *meta.Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden[old] = true
	c.apply(change{old, nil})
	c.apply(change{img.ID, img})
}

// apply makes a change of what is known. The caller holds mu.
func (c *Catalog) apply(ch change) {
	if c.listing {
		c.changes = append(c.changes, ch)
	}
	if c.images == nil {
		return // the first listing will tell
	}
	before := c.images[ch.id]
	ch.applyTo(c.images)
	if before != nil && (ch.img == nil || ch.img.Name != before.Name) && IsPath(before.Name) {
		c.linger(parent(before.Name))
	}
	c.tree = nil
}

func (ch change) applyTo(images map[meta.ID]*meta.Image) {
	if ch.img == nil {
		delete(images, ch.id)
	} else {
		images[ch.id] = ch.img
	}
}

// current returns what is known, if that is fresh enough.
func (c *Catalog) current() (*Tree, error, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.images != nil && time.Since(c.fetched) < c.ttl:
		return c.build(), nil, true
	case c.failed != nil && time.Since(c.failAt) < afterFailure:
		return nil, c.failed, true
	}
	return nil, nil, false
}

// build returns the tree of what is known. The caller holds mu.
func (c *Catalog) build() *Tree {
	if c.tree == nil {
		c.tree = NewTree(slices.Collect(maps.Values(c.images)), c.dirs.listed()...)
		c.dirs.addTo(c.tree)
	}
	return c.tree
}

func (c *Catalog) list(ctx context.Context, asked time.Time) (*Tree, error) {
	c.mu.Lock()
	c.listing, c.changes = true, nil
	c.mu.Unlock()

	list, err := c.client.GetImagesDetail(ctx, nil)

	c.mu.Lock()
	defer c.mu.Unlock()
	c.listing = false
	if c.failed = err; err != nil {
		c.failAt = time.Now()
		return nil, err
	}
	images := make(map[meta.ID]*meta.Image, len(list))
	for _, img := range list {
		images[img.ID] = img
	}
	for _, ch := range c.changes {
		ch.applyTo(images)
	}
	c.hide(images)
	c.images, c.changes, c.fetched = images, nil, asked
	c.dirs.expire()
	c.tree = nil
	return c.build(), nil
}

// hide takes out of a listing what Replace, Expect and Steady speak of. The caller
// holds mu.
func (c *Catalog) hide(images map[meta.ID]*meta.Image) {
	for id := range c.steady {
		if known := c.images[id]; known != nil {
			images[id] = known
		}
	}
	for id := range c.hidden {
		delete(images, id)
	}
	if len(c.expected) == 0 {
		return
	}
	maps.DeleteFunc(images, func(id meta.ID, img *meta.Image) bool {
		return c.expected[img.Name] > 0 && c.images[id] == nil
	})
}
