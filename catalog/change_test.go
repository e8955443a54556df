package catalog_test

import (
	"context"
	"maps"
	"path"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// everything returns what each path of a tree leads to.
func everything(tree *catalog.Tree) map[string]catalog.Entry {
	all := make(map[string]catalog.Entry)
	var visit func(d *catalog.Dir)
	visit = func(d *catalog.Dir) {
		for _, name := range d.Names() {
			p := path.Join(d.Path, name)
			all[p] = tree.At(p)
			if sub := d.Sub(name); sub != nil {
				visit(sub)
			}
		}
	}
	visit(tree.Dir(""))
	return all
}

// drawSuccessor changes some images, and returns new records of all of them, as a
// listing does.
func drawSuccessor(t *rapid.T, images []*meta.Image) []*meta.Image {
	var next []*meta.Image
	for _, old := range images {
		img := old.Clone()
		switch rapid.IntRange(0, 8).Draw(t, "what becomes of it") {
		case 0:
			continue
		case 1:
			img.Name = drawName(t, images)
		case 2:
			img.CreatedAt = time.Unix(int64(rapid.IntRange(0, 2).Draw(t, "created")), 0)
		case 3:
			img.Size++
		}
		next = append(next, img)
	}
	for _, img := range drawImages(t) {
		taken := func(other *meta.Image) bool { return other.ID == img.ID }
		if !slices.ContainsFunc(next, taken) && rapid.Bool().Draw(t, "is added") {
			next = append(next, img)
		}
	}
	return next
}

func TestChangesMakeTheOldTreeTheNewOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := drawImages(t)
		var told []catalog.Change
		c := catalog.Fetching(1, func(context.Context) ([]*meta.Image, error) { return images, nil })
		c.Watch(func(changes []catalog.Change) { told = append(told, changes...) })
		tree := func() *catalog.Tree {
			tree, err := c.Tree(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			return tree
		}
		tree()
		for range rapid.IntRange(0, 3).Draw(t, "directories") {
			_ = c.Mkdir(rapid.SampledFrom([]string{"a", "b", "foo", "foo.iso"}).Draw(t, "made")) // it may be there
		}
		was := everything(c.Latest())
		told, images = nil, drawSuccessor(t, images)
		want := everything(tree())

		for i, change := range told {
			if change.Was == change.Is || change.Was != was[change.Path] {
				t.Fatalf("told that %q was %+v and is %+v, it was %+v", change.Path, change.Was, change.Is, was[change.Path])
			}
			if i > 0 && told[i-1].Path <= change.Path {
				t.Fatalf("told of %q before %q", told[i-1].Path, change.Path)
			}
			was[change.Path] = change.Is
		}
		maps.DeleteFunc(was, func(_ string, e catalog.Entry) bool { return e == catalog.Entry{} })
		if !maps.Equal(was, want) {
			t.Fatalf("with the changes %+v\nthe tree is %+v\nwant %+v", told, was, want)
		}
	})
}

func TestImagesThatHaveNotChangedAreKept(t *testing.T) {
	kept, other := &meta.Image{ID: "a", Name: "a"}, &meta.Image{ID: "b", Name: "b"}
	c := catalog.Fetching(1, func(context.Context) ([]*meta.Image, error) {
		next := other.Clone()
		next.Size = time.Now().UnixNano()
		return []*meta.Image{kept.Clone(), next}, nil
	})
	first, second := treeOf(t, c), treeOf(t, c)
	if first.File("a").Image != second.File("a").Image {
		t.Error("an image that is the same takes memory anew with each listing")
	}
	if first.File("b").Image == second.File("b").Image {
		t.Error("an image that has changed is the old one")
	}
}

func TestChangesMadeHereAreNotTold(t *testing.T) {
	images := []*meta.Image{{ID: "a", Name: "a"}, {ID: "b", Name: "b"}}
	var told []catalog.Change
	c := catalog.Fetching(1, func(context.Context) ([]*meta.Image, error) { return images, nil })
	c.Watch(func(changes []catalog.Change) { told = append(told, changes...) })
	treeOf(t, c)
	c.Remove("a")
	c.Put(&meta.Image{ID: "c", Name: "c"})
	images = []*meta.Image{{ID: "b", Name: "b"}, {ID: "c", Name: "c"}}
	treeOf(t, c)
	if len(told) != 0 {
		t.Errorf("told of %+v", told)
	}
	c.Announce(&meta.Image{ID: "c", Name: "d"})
	if len(told) != 2 || told[0].Path != "d" || told[1].Path != "c" {
		t.Errorf("told of %+v, want d and c: that was announced", told)
	}
}

func TestEndOfAnEmptiedDirectoryIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		images := []*meta.Image{{ID: "a", Name: "d/a"}}
		var told []catalog.Change
		c := catalog.Fetching(1, func(context.Context) ([]*meta.Image, error) { return images, nil })
		c.Watch(func(changes []catalog.Change) { told = append(told, changes...) })
		treeOf(t, c)
		c.Remove("a")
		images = nil
		for range 3 {
			time.Sleep(3 * time.Second)
			if treeOf(t, c).Dir("d") == nil || len(told) != 0 {
				t.Fatalf("the directory is gone before its time; told of %+v", told)
			}
		}
		time.Sleep(5 * time.Second)
		treeOf(t, c)
		if len(told) != 1 || told[0].Path != "d" || !told[0].Was.Dir || told[0].Is != (catalog.Entry{}) {
			t.Errorf("told of %+v, want the end of d", told)
		}
	})
}

func BenchmarkListingOf100000ImagesOfWhichOneHasChanged(b *testing.B) {
	images := make([]*meta.Image, 100_000)
	for i := range images {
		images[i] = &meta.Image{ID: meta.ID(string(rune('a'+i%26)) + time.Duration(i).String()), Name: path.Join("d", time.Duration(i%100).String(), time.Duration(i).String()), Other: map[string]string{"mtime": "x"}}
	}
	c := catalog.Fetching(1, func(context.Context) ([]*meta.Image, error) {
		list := slices.Clone(images)
		for i, img := range list {
			list[i] = img.Clone()
		}
		list[500].Size = time.Now().UnixNano()
		return list, nil
	})
	c.Watch(func([]catalog.Change) {})
	for b.Loop() {
		if _, err := c.Tree(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
