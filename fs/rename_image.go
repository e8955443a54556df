package fs

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// undoPatience is how long a server that fails may take to give back the old names.
const undoPatience = 10 * time.Second

// move is a new name for an image.
type move struct {
	old    *meta.Image
	fields meta.Fields
	moved  *meta.Image // as the server then has it; nil before
}

func (v *volume) newMove(img *meta.Image, name string) *move {
	return &move{old: img, fields: img.Changed(v.renamed(img, name))}
}

// send renames the image on the server. If that fails it has its old name, even where
// the reply does not tell whether the server did it.
func (m *move) send(ctx context.Context, client *visclient.Client) error {
	if len(m.fields) == 0 {
		m.moved = m.old
		return nil
	}
	moved, err := client.PutImage(ctx, m.old.ID, m.fields, nil)
	if err == nil {
		m.moved = moved
		return nil
	}
	if refused(err) {
		return err
	}
	undo, cancel := context.WithTimeout(context.Background(), undoPatience)
	defer cancel()
	return after(err, m.sendBack(undo, client))
}

// sendBack gives the image its old name again, and what else went with the new one. A
// format that it did not have stays: VIS cannot clear one.
func (m *move) sendBack(ctx context.Context, client *visclient.Client) error {
	fields := make(meta.Fields)
	for name := range m.fields {
		if value, ok := m.old.Get(name); ok {
			fields[name] = value
		}
	}
	if len(fields) == 0 {
		m.moved = nil
		return nil
	}
	back, err := client.PutImage(ctx, m.old.ID, fields, nil)
	if err == nil {
		m.old, m.moved = back, nil
	}
	return err
}

// refused reports whether the server said that it did nothing.
func refused(err error) bool {
	var e *visclient.Error
	return errors.As(err, &e) && e.StatusCode >= 400 && e.StatusCode < 500
}

// after adds to an error, which says what the program sees, that undoing failed too.
func after(err, undoing error) error {
	if undoing == nil {
		return err
	}
	return fmt.Errorf("%w (and the old name could not be given back: %v)", err, undoing) //nolint:errorlint // the first is the cause
}

// moveImage gives an image the name of a place, and takes away what is there: first the
// name, then the other image, and if that fails the old name again. This mount shows
// one file there at any time.
func (v *volume) moveImage(ctx context.Context, img *meta.Image, dst place) (*meta.Image, error) {
	defer v.catalog.Steady(img.ID)()
	m := v.newMove(img, dst.path)
	if err := m.send(ctx, v.client); err != nil {
		return nil, err
	}
	if !dst.isFile() {
		v.catalog.Put(m.moved)
		return m.moved, nil
	}
	if old := dst.removes(); old != "" {
		v.catalog.Replace(old, m.moved)
		defer v.catalog.Reveal(old)
	}
	err := v.remove(ctx, dst)
	if err != nil {
		return nil, v.moveBack(m, dst, err)
	}
	v.catalog.Put(m.moved)
	return m.moved, nil
}

// moveBack undoes a move because what was at its place could not be removed.
func (v *volume) moveBack(m *move, dst place, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), undoPatience)
	defer cancel()
	err := m.sendBack(ctx, v.client)
	now := []*meta.Image{m.old}
	if err != nil {
		now[0] = m.moved
	}
	if dst.file != nil {
		now = append(now, dst.file.Image)
	}
	v.catalog.Put(now...)
	return after(cause, err)
}

// removes returns the image that remove will delete, "" for none: with a file that is being
// written its own, and not one of the same name that somebody else has registered since.
func (p place) removes() meta.ID {
	if p.node != nil && p.node.currentDraft() != nil {
		return p.node.imageID()
	}
	return p.id()
}

// remove removes the file at a place: one that is being written, or else what is stored.
func (v *volume) remove(ctx context.Context, at place) error {
	if at.node != nil {
		if writing, err := at.node.discard(ctx); writing {
			return err
		}
	}
	if at.file == nil {
		return syscall.ENOENT
	}
	return v.delete(ctx, at.file.Image.ID)
}

// exchange swaps the names of two stored files.
func (v *volume) exchange(ctx context.Context, tree *catalog.Tree, a, b place) error {
	if a.node != nil || b.node != nil || a.file == nil || b.file == nil {
		return syscall.EINVAL
	}
	x, y := a.file.Image, b.file.Image
	if tree.Prior(b.path, x, y.ID) != nil || tree.Prior(a.path, y, x.ID) != nil {
		return errNamesakes
	}
	for _, err := range []error{checkLitter(a.path), checkLitter(b.path), v.checkRename(x, b.path), v.checkRename(y, a.path)} {
		if err != nil {
			return err
		}
	}
	defer v.catalog.Steady(x.ID, y.ID)()
	moved, err := v.moveAll(ctx, []*move{v.newMove(x, b.path), v.newMove(y, a.path)})
	if err != nil {
		return err
	}
	v.catalog.Put(moved...)
	v.noteMove()
	opened := make(map[string]*draft) // for writing, meanwhile
	for _, p := range []string{a.path, b.path} {
		if n := v.drafted(p); n != nil {
			opened[p] = n.currentDraft()
		}
	}
	v.follow(ctx, opened, func(p string) string {
		if p == a.path {
			return b.path
		}
		return a.path
	})
	return nil
}

// movesAtOnce is how many renaming requests of one operation may be under way.
const movesAtOnce = 8

// moveAll renames images, all or none.
func (v *volume) moveAll(ctx context.Context, moves []*move) ([]*meta.Image, error) {
	var group errgroup.Group
	var failed atomic.Bool
	group.SetLimit(movesAtOnce)
	for _, m := range moves {
		group.Go(func() error {
			if failed.Load() {
				return nil
			}
			err := m.send(ctx, v.client)
			if err != nil {
				failed.Store(true)
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, v.moveAllBack(moves, err)
	}
	moved := make([]*meta.Image, len(moves))
	for i, m := range moves {
		moved[i] = m.moved
	}
	return moved, nil
}

// moveAllBack undoes those moves that were made. What stays renamed is shown so.
func (v *volume) moveAllBack(moves []*move, cause error) error {
	ctx, cancel := context.WithTimeout(context.Background(), undoPatience)
	defer cancel()
	var group errgroup.Group
	group.SetLimit(movesAtOnce)
	for _, m := range moves {
		if m.moved == nil {
			continue
		}
		group.Go(func() error {
			err := m.sendBack(ctx, v.client)
			if err != nil {
				v.catalog.Put(m.moved)
			} else {
				v.catalog.Put(m.old)
			}
			return err
		})
	}
	return after(cause, group.Wait())
}
