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
	client *visclient.Client // for what is beyond the listing
	fetch  fetchFunc
	ttl    time.Duration
	watch  func([]Change)  // nil for nobody
	life   context.Context // of listings; Close ends it
	end    context.CancelFunc
	flight singleflight.Group

	mu       sync.Mutex
	images   map[meta.ID]*meta.Image // of the last listing, with the local changes since
	fetched  time.Time               // when that listing was asked for; zero before the first
	etag     string                  // of that listing, if images is what it had and nothing else; "" for unknown
	tree     *Tree                   // of images; nil when it must be built anew
	failed   error                   // of the last listing
	failAt   time.Time
	listing  bool               // one is under way
	listings int64              // so far
	failures int64              // of those
	changes  []localChange      // local ones since it began
	hidden   map[meta.ID]bool   // replaced by this mount, and about to be deleted
	expected map[string]int     // names of images about to replace others, and how many
	steady   map[meta.ID]int    // images that this mount is changing, and in how many ways
	veiled   map[meta.ID]string // of what Steady or Expect kept out of the last listing, the names there
	dirs     localDirs
	expired  []string // directories that went without a listing, since the last
	refresh  refresh
	beyond   *beyond
}

// localChange is what this mount did to an image: a nil image was deleted.
type localChange struct {
	id  meta.ID
	img *meta.Image
}

// New returns a catalog of the images that a client's user may see. A listing is
// good for ttl. Close it.
func New(client *visclient.Client, ttl time.Duration) *Catalog {
	return newCatalog(client, ttl, func(ctx context.Context, etag string) (visclient.List, error) {
		return client.GetImagesDetailSince(ctx, nil, etag)
	})
}

// fetchFunc asks for the listing, unless that is still the one of an ETag.
type fetchFunc func(ctx context.Context, etag string) (visclient.List, error)

func newCatalog(client *visclient.Client, ttl time.Duration, fetch fetchFunc) *Catalog {
	c := &Catalog{
		client: client, fetch: fetch, ttl: ttl,
		hidden:   make(map[meta.ID]bool),
		expected: make(map[string]int),
		steady:   make(map[meta.ID]int),
		veiled:   make(map[meta.ID]string),
		dirs:     newLocalDirs(),
		beyond:   newBeyond(),
	}
	c.life, c.end = context.WithCancel(context.Background())
	return c
}

// Watch has a function called with what a listing shows to have changed, those changes
// not included that this mount made, but for Announce. It must not wait for anything. Call
// Watch before anything else.
func (c *Catalog) Watch(f func([]Change)) { c.watch = f }

// Tree returns a tree that was no older than the time to live when it was called for,
// asking the server if need be. The caller may stop waiting; the listing goes on for the
// others.
func (c *Catalog) Tree(ctx context.Context) (*Tree, error) {
	came := time.Now()
	c.mu.Lock()
	c.touch()
	c.mu.Unlock()
	for {
		if tree, err, ok := c.current(); ok {
			return tree, err
		}
		done := c.flight.DoChan("", func() (any, error) { return c.fly() })
		select {
		case result := <-done:
			landed, _ := result.Val.(listing)
			switch {
			case result.Err == nil && landed.asked.Before(came.Add(-c.ttl)):
				continue // it had begun long before this call
			case result.Err != nil && landed.background && time.Since(came) < came.Sub(landed.asked):
				continue // the server was given up for the most part before this call
			}
			return landed.tree, result.Err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// listing is a tree and the time when it was asked for.
type listing struct {
	tree       *Tree
	asked      time.Time
	background bool // nobody asked for it
}

// fly is what one flight does for all who wait for it.
func (c *Catalog) fly() (listing, error) {
	if tree, err, ok := c.current(); ok {
		return listing{tree: tree, asked: time.Now()}, err // of a flight that landed in between
	}
	asked := time.Now()
	tree, err := c.list(asked)
	if err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.failed, c.failAt = err, time.Now()
	}
	return listing{tree: tree, asked: asked}, err
}

// Fresh says how long a tree is still good for: not at all if another one has taken its
// place.
func (c *Catalog) Fresh(tree *Tree) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tree == nil || tree != c.tree {
		return 0
	}
	return max(0, c.ttl-time.Since(c.fetched))
}

// FreshFile says how long a listed file is still good for: not at all if another state of
// it has taken its place.
func (c *Catalog) FreshFile(f *File) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tree == nil || c.tree.File(f.Image.ID) != f {
		return 0
	}
	return max(0, c.ttl-time.Since(c.fetched))
}

// Known returns the tree of what is known now, and how long that is still good: not at
// all if it is older than the time to live. It never waits for the server. The tree is nil
// before the first listing.
func (c *Catalog) Known() (tree *Tree, fresh time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.images == nil {
		return nil, 0
	}
	return c.build(), max(0, c.ttl-time.Since(c.fetched))
}

// Put makes images that this mount registered or changed visible at once, in one step.
func (c *Catalog) Put(images ...*meta.Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var changes []localChange
	for _, img := range images {
		delete(c.hidden, img.ID)
		changes = append(changes, localChange{img.ID, img})
	}
	c.apply(changes...)
}

// Announce is Put of an image that was changed in a way that is none of a file's own,
// so that who watches is told as of a change by others.
func (c *Catalog) Announce(img *meta.Image) {
	c.mu.Lock()
	known := c.images != nil
	var was *Tree
	if known {
		was = c.build()
	}
	delete(c.hidden, img.ID)
	c.apply(localChange{img.ID, img})
	var changes []Change
	if known && c.watch != nil {
		changes = compare(was, c.build(), []meta.ID{img.ID}, nil)
	}
	c.mu.Unlock()
	if len(changes) > 0 {
		c.watch(changes)
	}
}

// Remove hides an image that this mount deleted, at once.
func (c *Catalog) Remove(id meta.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.hidden, id)
	c.apply(localChange{id, nil})
}

// Replace shows an image in the place of another that is about to be deleted: from
// now on, whatever the server lists, until Remove or Put says what became of it.
func (c *Catalog) Replace(old meta.ID, img *meta.Image) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hidden[old] = true
	c.apply(localChange{old, nil}, localChange{img.ID, img})
}

// Reveal ends what Replace began of an image that has not been deleted after all. After
// Remove or Put it does nothing.
func (c *Catalog) Reveal(old meta.ID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hidden[old] {
		delete(c.hidden, old)
		c.fetched = time.Time{} // it may be there
	}
}

// apply makes changes of what is known. The caller holds mu.
func (c *Catalog) apply(changes ...localChange) {
	var listed []localChange
	for _, ch := range changes {
		if !c.isUnlisted(ch) {
			listed = append(listed, ch)
		}
		c.note(ch)
	}
	c.show(listed...)
}

// show makes changes in the tree. The caller holds mu.
func (c *Catalog) show(changes ...localChange) {
	c.etag = ""
	if c.listing {
		c.changes = append(c.changes, changes...)
	}
	if c.images == nil {
		return // the first listing will tell
	}
	var left []string // directories that an image went from
	for _, ch := range changes {
		delete(c.veiled, ch.id)
		before := c.images[ch.id]
		ch.applyTo(c.images)
		c.edit(func(e *edit) bool { return e.change(before, ch.img) })
		if before != nil && (ch.img == nil || ch.img.Name != before.Name) && IsPath(before.Name) {
			left = append(left, parent(before.Name))
		}
	}
	c.linger(left...)
}

// edit changes the tree of what is known, which now is otherwise. Where that would touch
// more than an edit can tell, the tree is built anew when it is asked for. The caller
// holds mu.
func (c *Catalog) edit(change func(*edit) bool) {
	if c.tree == nil {
		return
	}
	e := c.tree.edit()
	if !change(e) || slices.ContainsFunc(e.laidBare, c.dirs.isEmptiedWithin) {
		c.tree = nil
		return
	}
	c.tree = e.tree
}

func (ch localChange) applyTo(images map[meta.ID]*meta.Image) {
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
		c.tree = c.dirs.addTo(NewTree(slices.Collect(maps.Values(c.images)), c.dirs.listed()...))
	}
	return c.tree
}

func (c *Catalog) list(asked time.Time) (*Tree, error) {
	c.mu.Lock()
	c.listing, c.changes = true, nil
	etag := c.etag
	c.mu.Unlock()

	list, err := c.fetch(c.life, etag)

	c.mu.Lock()
	c.listing = false
	c.listings++
	if err != nil {
		c.failures++
		c.mu.Unlock()
		return nil, err
	}
	tree, changes := c.land(list)
	c.fetched, c.failed = asked, nil
	c.landed(asked)
	c.mu.Unlock()
	if len(changes) > 0 {
		c.watch(changes)
	}
	return tree, nil
}

// land makes a listing what is known, and returns what it changed. The caller holds mu.
func (c *Catalog) land(list visclient.List) (*Tree, []Change) {
	var was *Tree
	if c.watch != nil && c.images != nil {
		was = c.build()
	}
	var changed []meta.ID
	if !list.Unchanged { // else this mount's own changes since the question are known already
		changed = c.install(list)
	}
	c.changes = nil
	c.expire()
	expired := c.expired
	c.expired = nil
	if was == nil {
		return c.build(), nil
	}
	return c.build(), compare(was, c.build(), changed, expired)
}

// install puts the images of a listing in the place of those that are known, and returns
// which may have changed. The caller holds mu.
func (c *Catalog) install(list visclient.List) []meta.ID {
	images, changed := c.reuse(list.Images)
	if c.etag = list.ETag; len(c.changes) > 0 || c.hides() {
		c.etag = ""
	}
	for _, ch := range c.changes {
		ch.applyTo(images)
	}
	c.veiled = c.hide(images)
	before := c.images
	c.images = images
	c.amend(before, changed)
	return changed
}

// amend changes the tree for images that others changed: one by one where they are few.
// The caller holds mu.
func (c *Catalog) amend(before map[meta.ID]*meta.Image, changed []meta.ID) {
	const few = 64
	if len(changed) > max(few, len(before)/8) {
		c.tree = nil
	}
	for _, id := range changed {
		if c.tree == nil {
			return
		}
		was, is := before[id], c.images[id]
		c.edit(func(e *edit) bool { return e.change(was, is) })
		if was != nil && IsPath(was.Name) {
			c.tidy(parent(was.Name))
		}
	}
}

// reuse returns the images of a listing, those that have not changed as they are known
// already, and which others may be changes: also those that went. The caller holds mu.
func (c *Catalog) reuse(list []*meta.Image) (map[meta.ID]*meta.Image, []meta.ID) {
	images := make(map[meta.ID]*meta.Image, len(list))
	var changed []meta.ID
	added := 0
	for _, img := range list {
		known := c.images[img.ID]
		switch {
		case known == nil && images[img.ID] == nil:
			added++
			changed = append(changed, img.ID)
		case known == nil || !known.Equal(img):
			changed = append(changed, img.ID)
		default:
			img = known
		}
		images[img.ID] = img
	}
	if len(images)-added == len(c.images) {
		return images, changed
	}
	for id := range c.images {
		if images[id] == nil {
			changed = append(changed, id)
		}
	}
	return images, changed
}
