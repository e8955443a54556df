package fs

import (
	"errors"
	"testing"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

func TestNoOverwriteSparesWhatIsStored(t *testing.T) {
	v := &volume{noOverwrite: true}
	img := &meta.Image{ID: "a", Name: "a.iso"}
	for status, want := range map[meta.Status]error{meta.Available: errNoOverwrite, meta.Locked: nil, meta.Failed: nil} {
		old := &meta.Image{ID: "b", Name: "b.iso", Status: status}
		tree := catalog.NewTree([]*meta.Image{img, old})
		if err := v.checkOver(tree, img, place{path: "b.iso", file: tree.File("b")}); !errors.Is(err, want) {
			t.Errorf("over an image that is %s: %v, want %v", status, err, want)
		}
	}
	if err := v.checkOver(catalog.NewTree([]*meta.Image{img}), img, place{path: "c.iso"}); err != nil {
		t.Errorf("over nothing: %v", err)
	}
}
