package catalog

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// ErrNoImage is that the server has no such image.
var ErrNoImage = errors.New("there is no such image")

// ByID is the directory in the root where every image is found by its id, listed or not.
const ByID = ".by-id"

// absentTime is how long an image that the server does not have is not asked for again:
// somebody may just register it.
const absentTime = time.Second

// What is known beyond the listing is bounded, whatever is asked for.
const (
	maxMet           = 4096
	maxAnswers       = 64
	maxAnswersImages = 100_000 // in all of them
)

// beyond is what the server said besides its listing: of images by their ids, and to
// queries. It is guarded by Catalog.mu.
type beyond struct {
	flight  singleflight.Group
	met     *lru.Cache[meta.ID, met]
	answers *lru.Cache[string, *answer] // by the query's text
	asking  map[*question]bool
}

// met is what the server said of an image, or would: this mount changed it.
type met struct {
	img   *meta.Image // nil for an image that is not there
	err   error       // the server did not say
	asked time.Time
	until time.Time // then it is to be asked again
}

// question is under way, and local changes come in between.
type question struct{ changes []localChange }

func newBeyond() *beyond {
	b := &beyond{asking: make(map[*question]bool)}
	b.met, _ = lru.New[meta.ID, met](maxMet)            // fails for
	b.answers, _ = lru.New[string, *answer](maxAnswers) // sizes below 1
	return b
}

// keep keeps an answer, and as many of the others as there is room for.
func (b *beyond) keep(query string, a *answer) {
	b.answers.Add(query, a)
	images := 0
	for _, kept := range b.answers.Values() {
		images += kept.size()
	}
	for images > maxAnswersImages && b.answers.Len() > 1 {
		_, oldest, _ := b.answers.RemoveOldest()
		images -= oldest.size()
	}
}

func (a *answer) size() int {
	if a.list == nil {
		return 0
	}
	return len(a.list.Entries())
}

// File returns an image that was met: listed, found by its id, or in the answer to a query.
// What is known is no older than the time to live.
// Errors: ErrNoImage, those of a listing and of [visclient.Client.HeadImage].
func (c *Catalog) File(ctx context.Context, id meta.ID) (*File, error) {
	return c.find(ctx, id, c.isMet)
}

// Find is File for any image that the server has.
func (c *Catalog) Find(ctx context.Context, id meta.ID) (*File, error) {
	return c.find(ctx, id, isID)
}

func (c *Catalog) find(ctx context.Context, id meta.ID, mayAsk func(meta.ID) bool) (*File, error) {
	if f, err, ok := c.known(id); ok {
		return f, err
	}
	tree, err := c.Tree(ctx)
	if err != nil {
		return nil, err
	}
	if f := tree.File(id); f != nil {
		return f, nil
	}
	if !mayAsk(id) {
		return nil, ErrNoImage
	}
	done := c.beyond.flight.DoChan("id "+string(id), func() (any, error) { return c.head(context.WithoutCancel(ctx), id) })
	select {
	case result := <-done:
		f, _ := result.Val.(*File)
		return f, result.Err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// isID tells whether a text can be an id: no request for others.
func isID(id meta.ID) bool {
	text := string(id)
	return len(text) == 36 && strings.ToLower(text) == text && uuid.Validate(text) == nil
}

func (c *Catalog) isMet(id meta.ID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	m, ok := c.beyond.met.Peek(id)
	return ok && (m.img != nil || m.err != nil)
}

// known returns what is known of an image, if that is fresh enough.
func (c *Catalog) known(id meta.ID) (*File, error, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.hidden[id] {
		return nil, ErrNoImage, true
	}
	if f := c.listed(id); f != nil {
		c.touch()
		return f, nil, true
	}
	m, ok := c.beyond.met.Get(id)
	if !ok || time.Now().After(m.until) {
		return nil, nil, false
	}
	f, err := m.file(id)
	return f, err, true
}

func (m met) file(id meta.ID) (*File, error) {
	switch {
	case m.err != nil:
		return nil, m.err
	case m.img == nil:
		return nil, ErrNoImage
	}
	return &File{Image: m.img, Path: ByID + "/" + string(id), Unlisted: true}, nil
}

// listed returns an image of a fresh listing, or nil. The caller holds mu.
func (c *Catalog) listed(id meta.ID) *File {
	if c.images[id] == nil || time.Since(c.fetched) >= c.ttl {
		return nil
	}
	return c.build().File(id)
}

// head asks for an image.
func (c *Catalog) head(ctx context.Context, id meta.ID) (*File, error) {
	if f, err, ok := c.known(id); ok {
		return f, err // of a flight that landed in between
	}
	asked, since := time.Now(), c.startAsking()
	img, err := c.client.HeadImage(ctx, id)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopAsking(since)
	for _, ch := range since.changes {
		if ch.id == id {
			img, err, asked = ch.img, nil, time.Now() // newer than the answer
		}
	}
	m := met{img: img, err: err, asked: asked, until: asked.Add(c.ttl)}
	switch {
	case err == nil && img == nil, errors.Is(err, visclient.ErrNotFound), c.hidden[id]:
		m = met{until: time.Now().Add(absentTime)}
	case err != nil:
		m.until = time.Now().Add(afterFailure)
	default:
		c.learn(img, asked)
	}
	c.beyond.met.Add(id, m)
	if f := c.listed(id); f != nil {
		return f, nil
	}
	return m.file(id)
}

// meet notes what the server said of an image, and returns it as one that is not listed.
// The caller holds mu.
func (c *Catalog) meet(img *meta.Image, asked time.Time) *File {
	m := met{img: img, asked: asked, until: asked.Add(c.ttl)}
	if known, ok := c.beyond.met.Peek(img.ID); ok && known.img != nil && known.asked.After(asked) {
		m = known
	}
	c.beyond.met.Add(img.ID, m)
	f, _ := m.file(img.ID) // it is there
	return f
}

// learn puts into the tree what the server said later than the listing, of an image that
// is listed or that the next listing must have: one of the user's own, unless its upload
// may still come to nothing. A listing that is under way will tell by itself. The caller
// holds mu.
func (c *Catalog) learn(img *meta.Image, asked time.Time) {
	known := c.images[img.ID]
	switch {
	case c.images == nil, c.listing, c.steady[img.ID] > 0, c.expected[img.Name] > 0, !asked.After(c.fetched):
	case known != nil && !same(known, img), known == nil && img.Owner == c.client.AccessKey() && img.Status != meta.Uploading:
		c.show(localChange{img.ID, img})
	}
}

// same tells whether two records of an image are of one state, as far as the server dates it.
func same(a, b *meta.Image) bool {
	return a.Status == b.Status && a.Version() == b.Version() && a.UpdatedAt.Equal(b.UpdatedAt) && a.Name == b.Name
}

// startAsking starts a question to the server.
func (c *Catalog) startAsking() *question {
	c.mu.Lock()
	defer c.mu.Unlock()
	q := new(question)
	c.beyond.asking[q] = true
	return q
}

// stopAsking ends a question. The caller holds mu.
func (c *Catalog) stopAsking(q *question) { delete(c.beyond.asking, q) }

// note takes a local change into what is known beyond the listing. The caller holds mu.
func (c *Catalog) note(ch localChange) {
	for q := range c.beyond.asking {
		q.changes = append(q.changes, ch)
	}
	for _, a := range c.beyond.answers.Values() {
		a.note(ch)
	}
	now := time.Now()
	m := met{img: ch.img, asked: now, until: now.Add(c.ttl)}
	if ch.img == nil {
		m.until = now.Add(absentTime)
	}
	if _, ok := c.beyond.met.Peek(ch.id); ok || ch.img == nil {
		c.beyond.met.Add(ch.id, m)
	}
}

// isUnlisted tells whether a change is of an image that no listing has: one that was met
// otherwise, and is another user's. The caller holds mu.
func (c *Catalog) isUnlisted(ch localChange) bool {
	if ch.img == nil || c.images[ch.id] != nil {
		return false
	}
	m, ok := c.beyond.met.Peek(ch.id)
	return ok && m.img != nil && ch.img.Owner != c.client.AccessKey()
}

// IDs lists the ids of a tree's images that can stand in a directory, sorted.
func IDs(t *Tree) []meta.ID {
	var ids []meta.ID
	for _, img := range t.Dir("").All() {
		if isEntry(string(img.ID)) {
			ids = append(ids, img.ID)
		}
	}
	slices.Sort(ids)
	return ids
}
