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
)

// named makes images of these names, from the oldest; the first digits of their ids count.
func named(names ...string) []*meta.Image {
	images := make([]*meta.Image, len(names))
	for i, name := range names {
		images[i] = &meta.Image{ID: meta.ID(fmt.Sprintf("%08d-0000-4000-8000-000000000000", i)), Name: name, CreatedAt: time.Unix(int64(i), 0)}
	}
	return images
}

func entryNames(f *catalog.Flat) []string {
	var names []string
	for _, e := range f.Entries() {
		names = append(names, e.Name)
	}
	return names
}

func TestNamesInAFlatDirectory(t *testing.T) {
	for what, row := range map[string]struct{ images, want []string }{
		"plain":                        {[]string{"a.iso", "b"}, []string{"a.iso", "b"}},
		"slashes":                      {[]string{"debian/12/base.iso"}, []string{"debian%2F12%2Fbase.iso"}},
		"percent that stands for no /": {[]string{"100%.iso"}, []string{"100%.iso"}},
		"of one name":                  {[]string{"a.iso", "a.iso"}, []string{"a.iso", "a~00000001.iso"}},
		"as it is before encoded":      {[]string{"a/b", "a%2Fb"}, []string{"a%2Fb~00000000", "a%2Fb"}},
		"that lead elsewhere":          {[]string{"..", ".by-id", "."}, []string{"%2E%2E", ".by-id", "%2E"}},
		"control bytes":                {[]string{"a\nb\xff"}, []string{"a%0Ab%FF"}},
		"none":                         {[]string{""}, []string{"~00000000"}},
		"too long":                     {[]string{strings.Repeat("x", 300)}, []string{strings.Repeat("x", 246) + "~00000000"}},
		"that are directories":         {[]string{"a", "a/b"}, []string{"a", "a%2Fb"}},
	} {
		if got := entryNames(catalog.NewFlat(named(row.images...))); !slices.Equal(got, row.want) {
			t.Errorf("names %s: %q, want %q", what, got, row.want)
		}
	}
}

func TestFlatDirectoryKeepsTheOrderOfItsList(t *testing.T) {
	images := named("c", "a", "c", "b")
	slices.Reverse(images)
	if got := entryNames(catalog.NewFlat(images)); !slices.Equal(got, []string{"b", "c~00000002", "a", "c"}) {
		t.Errorf("%q", got)
	}
}

func TestNameBesideAnOlderImageStaysWhenThatIsGone(t *testing.T) {
	images := named("a.iso", "a.iso")
	after := catalog.NewFlat(images[1:])
	if img := after.Image("a~00000001.iso"); img != images[1] || after.Image("a.iso") != images[1] {
		t.Errorf("%+v", img)
	}
	if img := after.Image("a~00000000.iso"); img != nil {
		t.Errorf("what is gone is found as %+v", img)
	}
}

func TestEveryImageHasOneNameInAFlatDirectory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		images := drawImages(t)
		f := catalog.NewFlat(images)
		entries := f.Entries()
		if len(entries) != len(images) {
			t.Fatalf("%d entries of %d images", len(entries), len(images))
		}
		seen := make(map[string]bool)
		for i, e := range entries {
			if e.ID != images[i].ID || f.Image(e.Name) != images[i] {
				t.Fatalf("entry %d is %+v", i, e)
			}
			if seen[e.Name] || e.Name == "" || e.Name == "." || e.Name == ".." || len(e.Name) > 255 || strings.ContainsAny(e.Name, "/\x00") {
				t.Fatalf("names %q", entryNames(f))
			}
			seen[e.Name] = true
		}
		shuffled := rapid.Permutation(images).Draw(t, "order")
		for _, e := range catalog.NewFlat(shuffled).Entries() {
			if f.Image(e.Name).ID != e.ID {
				t.Fatalf("%q depends on the order of the list", e.Name)
			}
		}
	})
}
