package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// segments are few, so that what is made of them often meets.
var segments = []string{
	"a", "a", "a", "b", "b", "a~00000000", "a~000000000000", "b~000000000001.x", "b.x", "~", "%", "%2E~00000000", ".", "..", "", "\xff", "\x01", "\u202ea", "\u00e9", "e\u0301",
	strings.Repeat("x", 255), strings.Repeat("x", 300), ".by-id",
}

var names = rapid.Map(rapid.SliceOfN(rapid.SampledFrom(segments), 1, 3), func(s []string) string { return strings.Join(s, "/") })

// user does to a catalog what a mount does, and keeps the trees that it saw.
type user struct {
	catalog *catalog.Catalog
	images  map[meta.ID]*meta.Image
	held    []string
	seen    []*catalog.Tree
	dumps   []string // of seen, when they were
	kept    int      // changes after which the tree had not to be built anew
}

func (u *user) tree(t *rapid.T) *catalog.Tree {
	tree, err := u.catalog.Tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// anyImage returns an image that there is; ok is false for none.
func (u *user) anyImage(t *rapid.T) (img *meta.Image, ok bool) {
	if len(u.images) == 0 {
		return nil, false
	}
	ids := make([]meta.ID, 0, len(u.images))
	for id := range u.images {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return u.images[rapid.SampledFrom(ids).Draw(t, "which")], true
}

func (u *user) newImage(t *rapid.T) *meta.Image {
	img := &meta.Image{
		ID: meta.ID(fmt.Sprintf("%08x-%04x-4000-8000-%012x", rapid.IntRange(0, 1).Draw(t, "first"),
			rapid.IntRange(0, 1).Draw(t, "second"), rapid.IntRange(0, 20).Draw(t, "last"))),
		Name:      names.Draw(t, "name"),
		CreatedAt: time.Unix(rapid.Int64Range(0, 3).Draw(t, "created"), 0),
		Size:      rapid.Int64Range(0, 100).Draw(t, "size"),
		Owner:     "me",
	}
	u.images[img.ID] = img // perhaps in the place of another
	return img
}

func (u *user) changed(img *meta.Image, change func(*meta.Image)) *meta.Image {
	img = img.Clone()
	change(img)
	u.images[img.ID] = img
	return img
}

// anyPath returns the path of a directory, or one that might be of one.
func (u *user) anyPath(t *rapid.T) string {
	var dirs []string
	var collect func(d *catalog.Dir)
	collect = func(d *catalog.Dir) {
		for _, name := range d.Names() {
			if sub := d.Sub(name); sub != nil {
				dirs = append(dirs, sub.Path)
				collect(sub)
			}
		}
	}
	collect(u.tree(t).Dir(""))
	if len(dirs) > 0 && rapid.IntRange(0, 3).Draw(t, "known") > 0 {
		return rapid.SampledFrom(dirs).Draw(t, "directory")
	}
	return names.Filter(catalog.IsPath).Draw(t, "path")
}

func (u *user) moveDir(t *rapid.T) {
	tree, from, to := u.tree(t), u.anyPath(t), u.anyPath(t)
	src, dst := tree.Dir(from), tree.Dir(to)
	if src == nil || dst != nil && !dst.Empty() || strings.HasPrefix(to+"/", from+"/") || strings.HasPrefix(from+"/", to+"/") {
		return
	}
	var moved []*meta.Image
	for _, img := range src.All() {
		moved = append(moved, u.changed(img, func(i *meta.Image) { i.Name = to + strings.TrimPrefix(i.Name, from) }))
	}
	u.catalog.MoveDir(from, to, moved...)
}

func (u *user) actions() map[string]func(*rapid.T) {
	c := u.catalog
	withImage := func(f func(*rapid.T, *meta.Image)) func(*rapid.T) {
		return func(t *rapid.T) {
			if img, ok := u.anyImage(t); ok {
				f(t, img)
			}
		}
	}
	return map[string]func(*rapid.T){
		"put":  func(t *rapid.T) { c.Put(u.newImage(t)) },
		"put2": func(t *rapid.T) { c.Put(u.newImage(t), u.newImage(t)) },
		"rename": withImage(func(t *rapid.T, img *meta.Image) {
			name := names.Draw(t, "new name")
			c.Put(u.changed(img, func(i *meta.Image) { i.Name = name }))
		}),
		"into the place of another": withImage(func(t *rapid.T, img *meta.Image) {
			f := u.tree(t).File(img.ID)
			c.Put(u.changed(u.newImage(t), func(i *meta.Image) { i.Name = f.Path }))
		}),
		"attributes": withImage(func(t *rapid.T, img *meta.Image) {
			before := u.tree(t).File(img.ID).Path
			c.Put(u.changed(img, func(i *meta.Image) { i.Size += 7 }))
			if after := u.tree(t).File(img.ID).Path; after != before {
				t.Fatalf("%q became %q although its name is the same", before, after)
			}
		}),
		"age": withImage(func(t *rapid.T, img *meta.Image) {
			second := rapid.Int64Range(0, 3).Draw(t, "created")
			c.Put(u.changed(img, func(i *meta.Image) { i.CreatedAt = time.Unix(second, 0) }))
		}),
		"remove":  withImage(func(_ *rapid.T, img *meta.Image) { delete(u.images, img.ID); c.Remove(img.ID) }),
		"remove2": withImage(func(_ *rapid.T, img *meta.Image) { delete(u.images, img.ID); c.Remove(img.ID) }),
		"replace": withImage(func(t *rapid.T, img *meta.Image) {
			next := u.newImage(t)
			if next.ID == img.ID {
				c.Put(next)
				return
			}
			delete(u.images, img.ID)
			c.Replace(img.ID, next)
			c.Remove(img.ID)
		}),
		"mkdir": func(t *rapid.T) { _ = c.Mkdir(u.anyPath(t)) }, // it may be refused
		"rmdir": func(t *rapid.T) { _ = c.Rmdir(u.anyPath(t)) },
		"hold": func(t *rapid.T) {
			p := u.anyPath(t)
			u.held = append(u.held, p)
			c.Hold(p)
		},
		"release": func(t *rapid.T) {
			if len(u.held) > 0 {
				c.Release(u.held[0])
				u.held = u.held[1:]
			}
		},
		"move": u.moveDir,
		"list": func(t *rapid.T) {
			if rapid.Bool().Draw(t, "new") {
				u.newImage(t)
			}
			if img, ok := u.anyImage(t); ok && rapid.Bool().Draw(t, "gone") {
				delete(u.images, img.ID)
			}
			var images []*meta.Image
			for _, img := range u.images {
				images = append(images, img)
			}
			c.Land(images)
		},
		"wait": func(*rapid.T) { c.LetTimePass(4 * time.Second) },
		"":     u.check,
	}
}

// check demands that the tree, which the last change was made in, is the one that would
// be built of the same.
func (u *user) check(t *rapid.T) {
	if u.catalog.IsKept() {
		u.kept++
	}
	tree := u.tree(t)
	got, want := tree.Dump(), u.catalog.Afresh().Dump()
	if got != want {
		t.Fatalf("the tree is\n%s\nand would be built as\n%s", got, want)
	}
	u.seen, u.dumps = append(u.seen, tree), append(u.dumps, got)
}

// noServer is a client that is never to ask anything.
var noServer, _ = visclient.New(visclient.Options{URL: "http://127.0.0.1:1", AccessKey: "me", SecretKey: "x"})

func TestTreeThatIsChangedIsTheOneThatWouldBeBuilt(t *testing.T) {
	kept, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		u := &user{catalog: catalog.New(noServer, time.Hour), images: make(map[meta.ID]*meta.Image)}
		u.catalog.Land(nil)
		t.Repeat(u.actions())
		for i, tree := range u.seen {
			if tree.Dump() != u.dumps[i] {
				t.Fatalf("a tree that was handed out was\n%s\nand is\n%s", u.dumps[i], tree.Dump())
			}
		}
		kept, all = kept+u.kept, all+len(u.seen)
	})
	t.Logf("%d of %d trees were made from the one before", kept, all)
	if kept < all/4 {
		t.Errorf("only %d of %d trees were made from the one before", kept, all)
	}
}
