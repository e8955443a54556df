package catalog_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

func TestPlainChangesDoNotBuildTheTreeAnew(t *testing.T) {
	c := filled([]*meta.Image{image("11111111", 1, "d/a"), image("22222222", 2, "d/b"), image("33333333", 3, "twin")})
	treeOf(t, c)
	for _, row := range []struct {
		what   string
		change func()
		want   string
	}{
		{"new image", func() { c.Put(image("44444444", 4, "e/f/new")) }, "d/ d/a d/b e/ e/f/ e/f/new twin"},
		{"second image of a name", func() { c.Put(image("55555555", 5, "twin")) }, "d/ d/a d/b e/ e/f/ e/f/new twin twin~55555555"},
		{"impossible name", func() { c.Put(image("66666666", 6, "a//b")) }, "a%2F%2Fb~66666666 d/ d/a d/b e/ e/f/ e/f/new twin twin~55555555"},
		{"their end", func() { c.Remove(image("55555555", 5, "").ID); c.Remove(image("66666666", 6, "").ID) }, "d/ d/a d/b e/ e/f/ e/f/new twin"},
		{"rename", func() { c.Put(image("44444444", 4, "new")) }, "d/ d/a d/b new twin"},
		{"replacement", func() { c.Replace(image("44444444", 4, "").ID, image("77777777", 7, "new")) }, "d/ d/a d/b new twin"},
		{"mkdir", func() { wantError(t, "mkdir", c.Mkdir("m"), nil) }, "d/ d/a d/b m/ new twin"},
		{"hold", func() { c.Hold("d/h"); c.Hold("m") }, "d/ d/a d/b d/h/ m/ new twin"},
		{"release", func() { c.Release("d/h"); c.Release("m") }, "d/ d/a d/b m/ new twin"},
		{"move", func() { c.MoveDir("d", "m", image("11111111", 1, "m/a"), image("22222222", 2, "m/b")) }, "m/ m/a m/b new twin"},
		{"removal", func() { c.Remove(image("11111111", 1, "").ID); c.Remove(image("22222222", 2, "").ID) }, "new twin"},
	} {
		t.Run(row.what, func(t *testing.T) {
			row.change()
			if !c.IsKept() {
				t.Error("the tree has to be built anew")
			}
			wantPaths(t, c, row.want)
		})
	}
}

// Trees of the property test are small; these have several nodes of the B-trees.
func TestLargeTreesThatWereHandedOutDoNotChange(t *testing.T) {
	const images, changes = 3000, 600
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	all := numbered(images, false)
	c := filled(all)
	first := treeOf(t, c)
	dump := first.Dump()
	var middle *catalog.Tree
	var middleDump string
	for i := range changes {
		img := all[rng.IntN(len(all))]
		switch rng.IntN(3) {
		case 0:
			c.Remove(img.ID)
		case 1:
			c.Put(renamed(img, fmt.Sprintf("d%d/%s", rng.IntN(3), img.Name)))
		default:
			c.Put(&meta.Image{ID: meta.ID(fmt.Sprintf("new-%d", i)), Name: fmt.Sprintf("%s.%d", img.Name, i)})
		}
		if i == changes/2 {
			middle = treeOf(t, c)
			middleDump = middle.Dump()
		}
	}
	if !c.IsKept() {
		t.Error("the tree has to be built anew")
	}
	if treeOf(t, c).Dump() != c.Afresh().Dump() {
		t.Errorf("seed %d: the tree is not the one that would be built", seed)
	}
	if first.Dump() != dump || middle.Dump() != middleDump {
		t.Errorf("seed %d: a tree that was handed out has changed", seed)
	}
}
