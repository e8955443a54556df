package catalog_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// wantPaths demands what a tree lists, directories with a slash at the end.
func wantPaths(t *testing.T, c *catalog.Catalog, want string) {
	t.Helper()
	tree := treeOf(t, c)
	var paths []string
	var walk func(d *catalog.Dir)
	walk = func(d *catalog.Dir) {
		for _, name := range d.Names() {
			if f := d.File(name); f != nil {
				paths = append(paths, f.Path)
				continue
			}
			paths = append(paths, d.Sub(name).Path+"/")
			walk(d.Sub(name))
		}
	}
	walk(tree.Dir(""))
	if got := strings.Join(paths, " "); got != want {
		t.Errorf("the tree lists %q, want %q", got, want)
	}
}

func renamed(img *meta.Image, name string) *meta.Image {
	next := img.Clone()
	next.Name = name
	return next
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestDirectoryThatWasMadeStaysUntilItIsRemoved(t *testing.T) {
	r := start(t)
	file := r.post(t, "file")
	c := r.catalog(t, time.Hour)
	treeOf(t, c)
	wantError(t, "mkdir", c.Mkdir("d"), nil)
	wantError(t, "mkdir below", c.Mkdir("d/e"), nil)
	wantError(t, "mkdir again", c.Mkdir("d"), catalog.ErrExist)
	wantError(t, "mkdir of a file", c.Mkdir("file"), catalog.ErrExist)
	wantError(t, "mkdir in nothing", c.Mkdir("no/d"), catalog.ErrNotExist)
	wantError(t, "rmdir of a full one", c.Rmdir("d"), catalog.ErrNotEmpty)
	wantPaths(t, c, "d/ d/e/ file")

	c.Put(renamed(file, "d/e/file"))
	wantError(t, "rmdir of one with an image", c.Rmdir("d/e"), catalog.ErrNotEmpty)
	c.Remove(file.ID)
	wantPaths(t, c, "d/ d/e/")
	wantError(t, "rmdir", c.Rmdir("d/e"), nil)
	wantError(t, "rmdir", c.Rmdir("d"), nil)
	wantError(t, "rmdir again", c.Rmdir("d"), catalog.ErrNotExist)
	wantPaths(t, c, "")
}

func TestDirectoryGoesWithItsLastImageButCanStillBeRemoved(t *testing.T) {
	r := start(t)
	a, b := r.post(t, "d/e/a"), r.post(t, "d/b")
	c := r.catalog(t, time.Hour)
	treeOf(t, c)
	c.Remove(a.ID)
	wantPaths(t, c, "d/ d/b")
	c.Put(renamed(b, "top"))
	wantPaths(t, c, "top")
	if d := treeOf(t, c).Dir("d/e"); d == nil || !d.Emptied {
		t.Errorf("d/e: %+v, want it in reach", d)
	}
	wantError(t, "rmdir", c.Rmdir("d/e"), nil)
	wantError(t, "rmdir", c.Rmdir("d"), nil)
	if treeOf(t, c).Dir("d") != nil {
		t.Error("d is in reach after it was removed")
	}
	c.Put(renamed(b, "d/b"))
	c.Remove(b.ID)
	wantError(t, "mkdir of one that was emptied", c.Mkdir("d"), nil)
	wantPaths(t, c, "d/")
}

func TestEmptiedDirectoryGivesWayToAnImage(t *testing.T) {
	r := start(t)
	below, same := r.post(t, "x/y/z"), r.post(t, "x")
	c := r.catalog(t, time.Hour)
	if f := treeOf(t, c).File(same.ID); f.Path == "x" {
		t.Fatal("the image has the path of a directory")
	}
	c.Remove(below.ID)
	wantPaths(t, c, "x")
	if treeOf(t, c).Dir("x/y") != nil {
		t.Error("a directory is in reach below a file")
	}
}

func TestDirectoryIsHeldForFilesThatNoListingHas(t *testing.T) {
	r := start(t)
	img := r.post(t, "d/e/a")
	c := r.catalog(t, time.Hour)
	treeOf(t, c)
	c.Hold("d/e")
	c.Hold("d/e")
	c.Remove(img.ID)
	c.Release("d/e")
	wantPaths(t, c, "d/ d/e/")
	wantError(t, "rmdir", c.Rmdir("d/e"), catalog.ErrNotEmpty)
	if !c.Held("d/e") || c.Held("d") {
		t.Error("d/e is held, and nothing else")
	}
	c.Release("d/e")
	wantPaths(t, c, "")
}

func TestDirectoryMovesWithAllThatIsInIt(t *testing.T) {
	r := start(t)
	a, b, gone := r.post(t, "p/d/a"), r.post(t, "p/d/e/b"), r.post(t, "p/d/gone")
	c := r.catalog(t, time.Hour)
	treeOf(t, c)
	for _, dir := range []string{"p/d/made", "q", "q/to"} {
		wantError(t, "mkdir", c.Mkdir(dir), nil)
	}
	c.Remove(gone.ID)
	c.MoveDir("p/d", "q/to", renamed(a, "q/to/a"), renamed(b, "q/to/e/b"), renamed(gone, "q/to/gone"))
	wantPaths(t, c, "q/ q/to/ q/to/a q/to/e/ q/to/e/b q/to/made/")
	tree := treeOf(t, c)
	if tree.Dir("p/d") != nil {
		t.Error("the directory is still found at its old path")
	}
	if d := tree.Dir("p"); d == nil || !d.Emptied {
		t.Errorf("the one that it was in: %+v, want it in reach", d)
	}
	c.MoveDir("p", "p2")
	wantPaths(t, c, "p2/ q/ q/to/ q/to/a q/to/e/ q/to/e/b q/to/made/")
}

func TestListingsShowNothingOfAChangeInSeveralSteps(t *testing.T) {
	r := start(t)
	a, b := r.post(t, "a"), r.post(t, "b")
	c := r.catalog(t, time.Nanosecond)
	wantPaths(t, c, "a b")

	done := c.Steady(a.ID)
	moved, err := r.client.PutImage(t.Context(), a.ID, meta.Fields{"name": "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantPaths(t, c, "a b")
	c.Replace(b.ID, moved)
	wantPaths(t, c, "b")
	back, err := r.client.PutImage(t.Context(), a.ID, meta.Fields{"name": "a"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	wantPaths(t, c, "b")
	c.Put(back, b)
	wantPaths(t, c, "a b")
	done()
	if _, err := r.client.PutImage(t.Context(), a.ID, meta.Fields{"name": "c"}, nil); err != nil {
		t.Fatal(err)
	}
	wantPaths(t, c, "b c")
}

func TestPriorIsTheOlderImageOfAName(t *testing.T) {
	at := func(id meta.ID, name string, second int64) *meta.Image {
		return &meta.Image{ID: id, Name: name, CreatedAt: time.Unix(second, 0)}
	}
	first, second, third := at("1", "d/x", 1), at("2", "d/x", 2), at("3", "y", 3)
	tree := catalog.NewTree([]*meta.Image{first, second, third})
	for _, row := range []struct {
		img   *meta.Image
		going meta.ID
		want  []meta.ID
	}{
		{third, "1", []meta.ID{"2"}},
		{third, "none", []meta.ID{"1", "2"}},
		{at("0", "z", 0), "1", nil},
		{second, "1", nil},
	} {
		f := tree.Prior("d/x", row.img, row.going)
		if f == nil && row.want != nil || f != nil && !slices.Contains(row.want, f.Image.ID) {
			t.Errorf("before %s, without %s: %+v, want one of %v", row.img.ID, row.going, f, row.want)
		}
	}
	if f := tree.Prior("none/x", third, ""); f != nil {
		t.Errorf("in no directory: %+v", f)
	}
}
