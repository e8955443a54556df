package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// image returns one whose id starts with digits, created in a second.
func image(digits string, second int64, name string) *meta.Image {
	return &meta.Image{ID: meta.ID(digits + "-fe11-4f4a-9f55-e2bc69a186d5"), Name: name, CreatedAt: time.Unix(second, 0)}
}

func TestPathsInTheirConcreteForm(t *testing.T) {
	x255, x300 := strings.Repeat("x", 255), strings.Repeat("x", 300)
	for what, row := range map[string]struct {
		images []*meta.Image
		want   []string // paths, in the order of the images
	}{
		"nothing special": {
			[]*meta.Image{image("9f1c2d3e", 1, "foo.iso"), image("00000000", 1, "debian/12/base.iso")},
			[]string{"foo.iso", "debian/12/base.iso"},
		},
		"one name": {
			[]*meta.Image{image("9f1c2d3e", 2, "foo.iso"), image("11111111", 1, "foo.iso"), image("22222222", 3, "foo.iso")},
			[]string{"foo~9f1c2d3e.iso", "foo.iso", "foo~22222222.iso"},
		},
		"one name and time": {
			[]*meta.Image{image("22222222", 1, "foo"), image("11111111", 1, "foo")},
			[]string{"foo~22222222", "foo"},
		},
		"one name in a directory": {
			[]*meta.Image{image("11111111", 1, "a/b.c/foo.iso"), image("9f1c2d3e", 2, "a/b.c/foo.iso"), image("22222222", 3, "a/b.c/foo")},
			[]string{"a/b.c/foo.iso", "a/b.c/foo~9f1c2d3e.iso", "a/b.c/foo"},
		},
		"one suffix": {
			[]*meta.Image{image("9f1c2d3e", 1, "foo.iso"), image("9f1c2d3e-0000", 2, "foo.iso"), image("9f1c2d3e-1111", 3, "foo.iso"), image("9f1c2d3e-1112", 4, "foo.iso")},
			[]string{"foo.iso", "foo~9f1c2d3e.iso", "foo~9f1c2d3e1111.iso", "foo~9f1c2d3e1112.iso"},
		},
		"another has the suffixed name": {
			[]*meta.Image{image("11111111", 1, "foo.iso"), image("9f1c2d3e", 2, "foo.iso"), image("33333333", 9, "foo~9f1c2d3e.iso")},
			[]string{"foo.iso", "foo~9f1c2d3efe11.iso", "foo~9f1c2d3e.iso"},
		},
		"directory of others": {
			[]*meta.Image{image("9f1c2d3e", 1, "debian"), image("11111111", 2, "debian/12.iso")},
			[]string{"debian~9f1c2d3e", "debian/12.iso"},
		},
		"the suffixed name is a directory": {
			[]*meta.Image{image("9f1c2d3e", 1, "a"), image("11111111", 1, "a/b"), image("22222222", 1, "a~9f1c2d3e/c")},
			[]string{"a~9f1c2d3efe11", "a/b", "a~9f1c2d3e/c"},
		},
		"forms of one letter": {
			[]*meta.Image{image("11111111", 1, "\u00e9"), image("22222222", 2, "e\u0301")},
			[]string{"\u00e9", "e\u0301"},
		},
		"right to left": {
			[]*meta.Image{image("11111111", 1, "\u202eosi.exe")}, []string{"\u202eosi.exe"},
		},
		"no names": {
			[]*meta.Image{image("11111111", 1, ""), image("22222222", 1, "."), image("33333333", 1, "..")},
			[]string{"~11111111", "%2E~22222222", "%2E%2E~33333333"},
		},
		"no paths": {
			[]*meta.Image{
				image("11111111", 1, "/etc/passwd"), image("22222222", 1, "a//b.iso"), image("33333333", 1, "a/"), image("44444444", 1, "../../x"),
				image("55555555", 1, "a\x00b"), image("66666666", 1, "\xff"), image("77777777", 1, "a\nb"), image("88888888", 1, "100%/../x"),
			},
			[]string{
				"%2Fetc%2Fpasswd~11111111", "a%2F%2Fb~22222222.iso", "a%2F~33333333", "..%2F.~44444444.%2Fx",
				"a%00b~55555555", "%FF~66666666", "a%0Ab~77777777", "100%25%2F.~88888888.%2Fx",
			},
		},
		"reserved": {
			[]*meta.Image{image("11111111", 1, ".by-id"), image("22222222", 1, ".query/x"), image("33333333", 1, "a/.by-id"), image("44444444", 1, ".by-id2"), image("55555555", 1, ".visorfs")},
			[]string{".by-id~11111111", ".query%2Fx~22222222", "a/.by-id", ".by-id2", ".visorfs~55555555"},
		},
		"long": {
			[]*meta.Image{image("11111111", 1, x255), image("22222222", 2, x255), image("33333333", 1, x300+".iso"), image("44444444", 1, strings.Repeat("é", 200))},
			[]string{x255, x255[:246] + "~22222222", x255[:242] + "~33333333.iso", strings.Repeat("é", 123) + "~44444444"},
		},
		"'%' and '~' in a path stay": {
			[]*meta.Image{image("11111111", 1, "100%~.iso")}, []string{"100%~.iso"},
		},
		"extensions": {
			[]*meta.Image{
				image("11111111", 1, ".iso"), image("22222222", 2, ".iso"), image("33333333", 1, "a.tar.gz"), image("44444444", 2, "a.tar.gz"),
				image("55555555", 1, "v1.but this is a sentence"), image("66666666", 2, "v1.but this is a sentence"),
			},
			[]string{".iso", ".iso~22222222", "a.tar.gz", "a.tar~44444444.gz", "v1.but this is a sentence", "v1.but this is a sentence~66666666"},
		},
	} {
		tree := catalog.NewTree(row.images)
		for i, img := range row.images {
			f := tree.File(img.ID)
			if f == nil || f.Path != row.want[i] {
				t.Errorf("%s: %q (%s) is %+v, want %q", what, img.Name, img.ID[:8], f, row.want[i])
			}
		}
	}
}

func TestEmptyTreeHasARoot(t *testing.T) {
	tree := catalog.NewTree(nil)
	if root := tree.Dir(""); root == nil || len(root.Names()) != 0 || tree.Len() != 0 || tree.Bytes() != 0 {
		t.Errorf("%+v", tree)
	}
	if tree.Dir("a") != nil || tree.Dir("/") != nil || tree.File("a") != nil {
		t.Error("an empty tree has something")
	}
}

func TestNewTreeLeavesItsInputAlone(t *testing.T) {
	images := []*meta.Image{image("2", 2, "b"), image("1", 1, "a")}
	before := slices.Clone(images)
	catalog.NewTree(images)
	if !slices.Equal(images, before) {
		t.Error("the listing was sorted in place")
	}
}

// The ids are the server's; a wrong one must not take the mount down.
func TestTreeOutlivesStrangeIDs(t *testing.T) {
	for _, id := range []meta.ID{"x", "-", "a/b", "/", "..", "\x00", "\n\x1b", "~", meta.ID(strings.Repeat("i", 300)), "\xff", "5/6/7/8/9/0"} {
		func() {
			defer func() {
				if r := recover(); r != nil {
					t.Errorf("id %q: NewTree panics: %v", fmt.Sprintf("%.20s", id), r)
				}
			}()
			tree := catalog.NewTree([]*meta.Image{{ID: "a", Name: "x"}, {ID: id, Name: "x"}, {ID: id + "2", Name: ""}})
			for _, name := range tree.Dir("").Names() {
				if name == "" || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
					t.Errorf("id %q: entry %q", id, name)
				}
			}
		}()
	}
}

func TestIsPath(t *testing.T) {
	for name, want := range map[string]bool{
		"a": true, "a/b": true, ".a": true, "...": true, "a b": true, "%": true, "~": true, "é": true, "a/.by-id": true, ".by-id2": true, "\u202e": true,
		strings.Repeat("x", 255): true, strings.Repeat("x/", 511) + "x": true,
		"": false, ".": false, "..": false, "/": false, "/a": false, "a/": false, "a//b": false, "a/./b": false, "a/..": false,
		".by-id": false, ".by-id/x": false, ".query": false, ".visorfs/log": false, "a\x00": false, "a\n": false, "\x7f": false, "\xff": false,
		strings.Repeat("x", 256): false, strings.Repeat("é", 128): false, strings.Repeat("x/", 512) + "x": false,
	} {
		if catalog.IsPath(name) != want {
			t.Errorf("IsPath(%.40q) is %t", name, !want)
		}
	}
}
