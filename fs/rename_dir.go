package fs

import (
	"context"
	"strings"
	"syscall"

	"github.com/visorfs/visorfs/meta"
)

// renameDir renames each image below a directory, and each file there that is being
// written: all, or none.
func (v *volume) renameDir(ctx context.Context, src, dst place) error {
	switch {
	case dst.isFile():
		return syscall.ENOTDIR
	case dst.dir != nil && (!dst.dir.Empty() || v.catalog.Held(dst.path)):
		return syscall.ENOTEMPTY
	}
	if err := v.checkNewDir(dst.path); err != nil {
		return err
	}
	newPath := func(old string) string { return dst.path + strings.TrimPrefix(old, src.path) }
	drafts := v.draftsBelow(src.path)
	moves, ids, err := v.movesOf(src, drafts, newPath)
	if err != nil {
		return err
	}
	defer v.catalog.Steady(ids...)()
	moved, err := v.moveAll(ctx, moves)
	if err != nil {
		return err
	}
	if err := moveDrafts(ctx, drafts, newPath); err != nil {
		return v.moveAllBack(moves, err)
	}
	v.catalog.MoveDir(src.path, dst.path, moved...)
	v.era.Add(1)
	v.noteMove()
	v.follow(ctx, v.draftsBelow(src.path), newPath)
	return nil
}

// draftsBelow returns the files below a directory that are being written, by path.
func (v *volume) draftsBelow(dir string) map[string]*draft {
	below := make(map[string]*draft)
	for p, n := range v.writing() {
		if d := n.currentDraft(); d != nil && strings.HasPrefix(p, dir+"/") {
			below[p] = d
		}
	}
	return below
}

// movesOf returns what renames the images of a directory that are not being written, if
// the server can hold all the new names, those of the drafts too.
func (v *volume) movesOf(src place, drafts map[string]*draft, newPath func(string) string) ([]*move, []meta.ID, error) {
	writing := make(map[meta.ID]bool)
	for p, d := range drafts {
		writing[d.node.imageID()] = true
		if err := v.checkRename(d.image(), newPath(p)); err != nil {
			return nil, nil, err
		}
	}
	var moves []*move
	var ids []meta.ID
	for _, img := range src.dir.All() {
		if writing[img.ID] {
			continue
		}
		if err := v.checkRename(img, newPath(img.Name)); err != nil {
			return nil, nil, err
		}
		moves = append(moves, v.newMove(img, newPath(img.Name)))
		ids = append(ids, img.ID)
	}
	return moves, ids, nil
}

// moveDrafts renames files that are being written, all or none.
func moveDrafts(ctx context.Context, drafts map[string]*draft, newPath func(string) string) error {
	for p, d := range drafts {
		err := d.rename(ctx, place{path: newPath(p)})
		if err == nil {
			continue
		}
		undo, cancel := context.WithTimeout(context.Background(), undoPatience)
		defer cancel()
		for p, d := range drafts {
			if d.name() == newPath(p) {
				err = after(err, d.rename(undo, place{path: p}))
			}
		}
		return err
	}
	return nil
}
