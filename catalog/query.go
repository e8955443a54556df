package catalog

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// Query is a question for images in a form that a server can be asked.
type Query struct {
	text   string
	values url.Values
}

// ParseQuery reads a query like "architecture=x86_64&format=iso" or
// "type=machine&sort=size&dir=desc": see [visclient.ParseQuery].
// Errors: visclient.ErrInvalid for what no server could answer.
func ParseQuery(text string) (Query, error) {
	values, err := visclient.ParseQuery(text)
	if err == nil {
		err = checkOrder(values)
	}
	if err != nil {
		return Query{}, fmt.Errorf("%w: query %q: %w", visclient.ErrInvalid, text, err)
	}
	return Query{text, values}, nil
}

// checkOrder refuses an order that is none; a server may not look, and use it all the same.
func checkOrder(values url.Values) error {
	if sort := values.Get("sort"); sort != "" {
		if _, known := meta.Lookup(sort); !known {
			return fmt.Errorf("sort %q: there is no such attribute", sort)
		}
	}
	if dir := values.Get("dir"); dir != "" && dir != "asc" && dir != "desc" {
		return fmt.Errorf("dir %q: want asc or desc", dir)
	}
	return nil
}

// Values returns the query of a request. It must not be changed.
func (q Query) Values() url.Values { return q.values }

// answer is what the server said to a query. It is guarded by Catalog.mu.
type answer struct {
	list    *Flat
	asked   time.Time
	failed  error // instead of a list
	failAt  time.Time
	gone    map[meta.ID]bool // deleted here since
	changed map[meta.ID]bool // changed here since: whether they still fit only the server knows
}

// note takes a local change.
func (a *answer) note(ch localChange) {
	if ch.img == nil {
		a.gone[ch.id] = true
		delete(a.changed, ch.id)
		return
	}
	delete(a.gone, ch.id)
	a.changed[ch.id] = true
}

// image returns the image of a name, unless it was deleted.
func (a *answer) image(name string) *meta.Image {
	img := a.list.Image(name)
	if img == nil || a.gone[img.ID] {
		return nil
	}
	return img
}

// knows tells whether what the answer says of a name is still so.
func (a *answer) knows(name string) bool {
	if img := a.image(name); img != nil {
		return !a.changed[img.ID]
	}
	return len(a.changed) == 0
}

// List returns what the server answers to a query, in its order. The answer is no older
// than the time to live, or than the last change through this mount but for deletions,
// which are taken out of it.
// Errors: visclient.ErrInvalid for a query that the server refuses, those of a listing.
func (c *Catalog) List(ctx context.Context, q Query) ([]FlatEntry, error) {
	a, err := c.answer(ctx, q, func(a *answer) bool { return len(a.changed) == 0 })
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(a.list.Entries()), func(e FlatEntry) bool { return a.gone[e.ID] }), nil
}

// Lookup returns the image that has a name in the answer to a query.
// Errors: ErrNoImage, those of List.
func (c *Catalog) Lookup(ctx context.Context, q Query, name string) (*File, error) {
	a, err := c.answer(ctx, q, func(a *answer) bool { return a.knows(name) })
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	img := a.image(name)
	if img == nil {
		return nil, ErrNoImage
	}
	if f := c.listed(img.ID); f != nil {
		return f, nil
	}
	return c.meet(img, a.asked), nil
}

// answer asks the server, if it has not been asked or the answer will not do.
func (c *Catalog) answer(ctx context.Context, q Query, will func(*answer) bool) (*answer, error) {
	began := time.Now()
	for {
		if a, err, ok := c.answered(q, will); ok {
			return a, err
		}
		done := c.beyond.flight.DoChan("query "+q.text, func() (any, error) { return c.ask(context.WithoutCancel(ctx), q) })
		select {
		case result := <-done:
			if result.Err != nil {
				return nil, result.Err
			}
			a := result.Val.(*answer)
			if !a.asked.Before(began) || c.willDo(a, will) {
				return a, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// answered returns the answer that is known, if it will do.
func (c *Catalog) answered(q Query, will func(*answer) bool) (*answer, error, bool) {
	c.mu.Lock()
	a, ok := c.beyond.answers.Get(q.text)
	c.mu.Unlock()
	switch {
	case !ok:
		return nil, nil, false
	case a.failed != nil:
		return nil, a.failed, time.Since(a.failAt) < afterFailure
	}
	return a, nil, c.willDo(a, will)
}

func (c *Catalog) willDo(a *answer, will func(*answer) bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(a.asked) < c.ttl && will(a)
}

// ask is one question, for all who wait for its answer.
func (c *Catalog) ask(ctx context.Context, q Query) (*answer, error) {
	a := &answer{asked: time.Now(), gone: make(map[meta.ID]bool), changed: make(map[meta.ID]bool)}
	since := c.startAsking()
	images, err := c.client.GetImagesDetail(ctx, q.values)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopAsking(since)
	if err != nil {
		a.failed, a.failAt = err, time.Now()
		c.beyond.keep(q.text, a)
		return nil, err
	}
	images = c.withoutHidden(images)
	for _, ch := range since.changes {
		a.note(ch)
	}
	for _, img := range images {
		if !a.gone[img.ID] && !a.changed[img.ID] {
			c.learn(img, a.asked)
		}
	}
	a.list = NewFlat(images)
	c.beyond.keep(q.text, a)
	return a, nil
}

// withoutHidden takes out of an answer what listings do not show either. The caller holds
// mu.
func (c *Catalog) withoutHidden(images []*meta.Image) []*meta.Image {
	shown := make(map[meta.ID]*meta.Image, len(images))
	for _, img := range images {
		shown[img.ID] = img
	}
	_ = c.hide(shown)
	var kept []*meta.Image
	for _, img := range images {
		if known := shown[img.ID]; known != nil {
			kept = append(kept, known)
		}
	}
	return kept
}

// IsQuery tells whether a text is meant as a query, be it a right one: tools look for
// names of their own in any directory.
func IsQuery(text string) bool { return strings.Contains(text, "=") }
