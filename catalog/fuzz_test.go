package catalog_test

import (
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// FuzzPaths lists images of any names and ids: each has one path, which leads to it and is
// one that a kernel takes.
func FuzzPaths(f *testing.F) {
	f.Add("a", "a/b", "a", "1", "2")
	f.Add("../../etc/passwd", "..", "/", "../x", "..")
	f.Add("x\x00", "x\n", "", "\x00", "\xff")
	f.Add(".by-id/x", ".query", "\xff", ".", "~")
	f.Add(strings.Repeat("n", 300), strings.Repeat("d/", 600)+"x", "a//b", strings.Repeat("i", 300), "detail")
	f.Add("foo.iso", "foo~11111111.iso", "foo.iso", "11111111", "11111111-1")
	f.Fuzz(func(t *testing.T, one, two, three, id, other string) {
		if id == other || id == "third" || other == "third" || id == "" || other == "" {
			return
		}
		images := []*meta.Image{
			{ID: meta.ID(id), Name: one, CreatedAt: time.Unix(2, 0)}, {ID: meta.ID(other), Name: two, CreatedAt: time.Unix(1, 0)}, {ID: "third", Name: three},
		}
		tree := catalog.NewTree(images)
		paths := make(map[string]bool)
		for _, img := range images {
			file := tree.File(img.ID)
			if file == nil || paths[file.Path] {
				t.Fatalf("%q (%q) has no path of its own: %+v", img.Name, img.ID, file)
			}
			paths[file.Path] = true
			if entry := tree.At(file.Path); entry.Image == nil || entry.Image.ID != img.ID {
				t.Errorf("%q leads to %+v, not to %q", file.Path, entry, img.ID)
			}
			if !catalog.IsPath(file.Path) {
				t.Errorf("%q (%q) has the path %q", img.Name, img.ID, file.Path)
			}
		}
	})
}
