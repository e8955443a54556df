package catalog_test

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// words are what names are made of: whatever a path could stumble over.
var words = []string{
	"", ".", "..", "/", "//", "a", "b", "foo", "foo.iso", ".iso", "%", "%2F", "~", "~1", "\x00", "\n", "\x7f", "\x1b[2J", "\xff", "\xc3",
	".by-id", ".query", ".visorfs", "é", "e\u0301", "\u202eabc", "ك", "\ufeff", " ", "\\", ":", "*", "😀", "CON", "-rf", "...", "a.tar.gz",
	strings.Repeat("x", 255), strings.Repeat("x", 300), strings.Repeat("é", 150), strings.Repeat("y", 250) + ".iso", "." + strings.Repeat("e", 254),
	strings.Repeat("d/", 200),
}

func drawName(t *rapid.T, soFar []*meta.Image) string {
	joined := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(words), 0, 5).Draw(t, "words"), rapid.SampledFrom([]string{"", "/"}).Draw(t, "between"))
	})
	kinds := []*rapid.Generator[string]{joined, rapid.SampledFrom(words), rapid.String(), rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 300), func(b []byte) string { return string(b) })}
	if len(soFar) > 0 {
		other := rapid.SampledFrom(soFar)
		kinds = append(kinds,
			rapid.Map(other, func(i *meta.Image) string { return i.Name }),            // a duplicate
			rapid.Map(other, func(i *meta.Image) string { return i.Name + "/below" }), // that makes the other a directory
			rapid.Map(other, func(i *meta.Image) string { return path.Dir(i.Name) }),
			rapid.Map(other, suffixed), // that takes the name which the other would move to
			rapid.Map(other, func(i *meta.Image) string { return suffixed(i) + "/below" }),
		)
	}
	return rapid.OneOf(kinds...).Draw(t, "name")
}

// suffixed is the first name that an image moves aside to.
func suffixed(i *meta.Image) string {
	ext := path.Ext(i.Name)
	return strings.TrimSuffix(i.Name, ext) + "~" + strings.ReplaceAll(string(i.ID), "-", "")[:8] + ext
}

func drawImages(t *rapid.T) []*meta.Image {
	var images []*meta.Image
	for i := range rapid.IntRange(0, 20).Draw(t, "images") {
		images = append(images, &meta.Image{
			// Few different first digits: suffixes must collide.
			ID:        meta.ID(fmt.Sprintf("%08x-%04x-4000-8000-%012x", rapid.IntRange(0, 1).Draw(t, "first"), rapid.IntRange(0, 1).Draw(t, "second"), i)),
			Name:      drawName(t, images),
			CreatedAt: time.Unix(int64(rapid.IntRange(0, 2).Draw(t, "created")), 0),
			Size:      int64(rapid.IntRange(0, 100).Draw(t, "size")),
		})
	}
	return images
}

// walk visits every directory and file and returns the paths by id.
func walk(t *rapid.T, tree *catalog.Tree, d *catalog.Dir, paths map[meta.ID]string) {
	if tree.Dir(d.Path) != d {
		t.Fatalf("directory %q is not found by its path", d.Path)
	}
	listed := d.Names()
	if !slices.IsSorted(listed) || len(slices.Compact(slices.Clone(listed))) != len(listed) {
		t.Fatalf("%q lists %q", d.Path, listed)
	}
	if d.Path != "" && len(listed) == 0 {
		t.Fatalf("directory %q is empty", d.Path)
	}
	for _, name := range listed {
		if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
			t.Fatalf("%q lists the name %q", d.Path, name)
		}
		p := strings.TrimPrefix(d.Path+"/"+name, "/")
		sub, file := d.Sub(name), d.File(name)
		switch {
		case (sub != nil) == (file != nil):
			t.Fatalf("%q is both or neither", p)
		case sub != nil && sub.Path != p:
			t.Fatalf("directory %q thinks it is %q", p, sub.Path)
		case sub != nil:
			walk(t, tree, sub, paths)
		case file.Path != p || tree.File(file.Image.ID) != file:
			t.Fatalf("file %q thinks it is %q, its image is elsewhere", p, file.Path)
		case paths[file.Image.ID] != "":
			t.Fatalf("%s is %q and %q", file.Image.ID, p, paths[file.Image.ID])
		default:
			paths[file.Image.ID] = p
		}
	}
}

func pathsOf(t *rapid.T, images []*meta.Image) (*catalog.Tree, map[meta.ID]string) {
	tree, paths := catalog.NewTree(images), make(map[meta.ID]string)
	walk(t, tree, tree.Dir(""), paths)
	return tree, paths
}

func TestEveryImageHasExactlyOnePath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := drawImages(t)
		tree, paths := pathsOf(t, images)
		if len(paths) != len(images) || tree.Len() != len(images) {
			t.Fatalf("%d images have %d paths, Len says %d", len(images), len(paths), tree.Len())
		}
		var bytes int64
		for _, img := range images {
			bytes += img.Size
			if f := tree.File(img.ID); f == nil || f.Image != img {
				t.Fatalf("%s %q is not found", img.ID, img.Name)
			}
		}
		if tree.Bytes() != bytes {
			t.Fatalf("Bytes is %d, want %d", tree.Bytes(), bytes)
		}
		for _, p := range []string{".by-id", ".query", ".visorfs"} {
			if slices.Contains(tree.Dir("").Names(), p) {
				t.Fatalf("reserved name %q is used", p)
			}
		}
	})
}

func TestOldestOfOneNameKeepsThePlainPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := drawImages(t)
		tree, paths := pathsOf(t, images)
		oldest := make(map[string]*meta.Image)
		for _, img := range images {
			o := oldest[img.Name]
			if o == nil || img.CreatedAt.Before(o.CreatedAt) || img.CreatedAt.Equal(o.CreatedAt) && img.ID < o.ID {
				oldest[img.Name] = img
			}
		}
		for name, o := range oldest {
			if catalog.IsPath(name) && tree.Dir(name) == nil && paths[o.ID] != name {
				t.Fatalf("oldest image of %q is %q", name, paths[o.ID])
			}
		}
	})
}

func TestOrderOfTheListingDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := drawImages(t)
		_, paths := pathsOf(t, images)
		_, shuffled := pathsOf(t, rapid.Permutation(images).Draw(t, "order"))
		if !maps.Equal(paths, shuffled) {
			t.Fatalf("%q\nin another order\n%q", paths, shuffled)
		}
	})
}

func TestNewImageOfALegalNameHasItAsPath(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := drawImages(t)
		tree, _ := pathsOf(t, images)
		name := drawName(t, images)
		parent, base := path.Split(name)
		if !catalog.IsPath(name) || tree.Dir(name) != nil {
			t.Skip()
		}
		if d := tree.Dir(strings.TrimSuffix(parent, "/")); d != nil && d.File(base) != nil {
			t.Skip() // taken
		}
		added := &meta.Image{ID: "ffffffff-0000-4000-8000-000000000000", Name: name, CreatedAt: time.Unix(9, 0)}
		_, paths := pathsOf(t, append(images, added))
		if paths[added.ID] != name {
			t.Fatalf("new image %q is %q", name, paths[added.ID])
		}
	})
}
