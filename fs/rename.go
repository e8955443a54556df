package fs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// The flags of RENAME2 in the FUSE protocol.
const (
	renameNoReplace = 1 << 0
	renameExchange  = 1 << 1
)

var errNamesakes = errors.New("several images have this name, and an older one would get its path; remove or rename that first")

var _ = (gofuse.NodeRenamer)((*dirNode)(nil))

func (d *dirNode) Rename(ctx context.Context, name string, newParent gofuse.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	other, ok := newParent.(*dirNode)
	if !ok {
		return syscall.EPERM // a special one
	}
	for _, dir := range []*dirNode{d, other} {
		dir.busy.Add(1)
		defer dir.busy.Add(-1)
	}
	from, to := d.child(name), other.child(newName)
	if isSpecial(from) || isSpecial(to) {
		return syscall.EPERM
	}
	return d.vol.errno("rename to /"+to, from, "", d.vol.rename(req, from, to, flags))
}

// place is what there is at a path.
type place struct {
	path string
	node *imageNode    // being written
	file *catalog.File // stored, whether being written or not
	dir  *catalog.Dir
}

func (p place) isFile() bool { return p.node != nil || p.file != nil }
func (p place) isDir() bool  { return !p.isFile() && p.dir != nil && !p.dir.Emptied }
func (p place) exists() bool { return p.isFile() || p.isDir() }

// id is of the stored image, "" for none.
func (p place) id() meta.ID {
	if p.file == nil {
		return ""
	}
	return p.file.Image.ID
}

// look returns what there is at a path.
func (v *volume) look(tree *catalog.Tree, p string) place {
	here := place{path: p, node: v.drafted(p), dir: tree.Dir(p)}
	if above := tree.Dir(parentOf(p)); above != nil {
		here.file = above.File(path.Base(p))
	}
	return here
}

func (v *volume) rename(ctx context.Context, from, to string, flags uint32) error {
	if flags&^(renameNoReplace|renameExchange) != 0 {
		return syscall.EINVAL
	}
	if from == to {
		return nil
	}
	tree, err := v.catalog.Tree(ctx)
	if err != nil {
		return err
	}
	src, dst := v.look(tree, from), v.look(tree, to)
	switch {
	case !src.isFile() && src.dir == nil:
		return syscall.ENOENT
	case flags&renameExchange != 0:
		return v.exchange(ctx, tree, src, dst)
	case flags&renameNoReplace != 0 && dst.exists():
		return syscall.EEXIST
	case !src.isFile():
		return v.renameDir(ctx, src, dst)
	case dst.isDir():
		return syscall.EISDIR
	}
	return v.renameFile(ctx, tree, src, dst)
}

// renameFile renames a file, over another one if there is one at dst. What is only
// pending in this mount is renamed here alone.
func (v *volume) renameFile(ctx context.Context, tree *catalog.Tree, src, dst place) error {
	var d *draft
	if src.node != nil {
		d = src.node.currentDraft()
	}
	var img *meta.Image
	switch {
	case d != nil:
		img = d.image()
	case src.file != nil:
		img = src.file.Image
	default:
		return errStale
	}
	if dst.id() == img.ID {
		dst.file = nil // renamed elsewhere, while it is being written here
	}
	if err := cmp.Or(checkLitter(dst.path), v.checkRename(img, dst.path), v.checkOver(tree, img, dst)); err != nil {
		return err
	}
	var err error
	if d != nil {
		err = d.rename(ctx, dst)
	} else {
		_, err = v.moveImage(ctx, img, dst)
	}
	if err != nil {
		return err
	}
	v.noteMove()
	if n := v.drafted(src.path); n != nil { // opened for writing meanwhile
		v.follow(ctx, map[string]*draft{src.path: n.currentDraft()}, func(string) string { return dst.path })
	}
	return nil
}

// follow renames what was opened for writing under its old name while that was changed.
func (v *volume) follow(ctx context.Context, drafts map[string]*draft, newPath func(string) string) {
	for p, d := range drafts {
		if d == nil {
			continue
		}
		if err := d.rename(ctx, place{path: newPath(p)}); err != nil {
			v.errno("rename of an open file to /"+newPath(p), p, d.node.imageID(), err)
		}
	}
}

// checkRename refuses a name that the server could not hold, without a request.
func (v *volume) checkRename(img *meta.Image, name string) error {
	return cmp.Or(checkNewName(name), v.client.CheckFields(v.renamed(img, name)))
}

// checkOver refuses to replace what must stay, or would not be replaced.
func (v *volume) checkOver(tree *catalog.Tree, img *meta.Image, dst place) error {
	if dst.file == nil {
		return nil
	}
	old := dst.file.Image
	if v.noOverwrite && old.Status == meta.Available {
		return errNoOverwrite
	}
	if prior := tree.Prior(dst.path, img, old.ID); prior != nil && prior.Image.ID != img.ID {
		return fmt.Errorf("%w: /%s is %s", errNamesakes, prior.Path, prior.Image.ID)
	}
	return nil
}

// renamed returns the fields that make a name an image's. What was guessed from its old
// name, or was not known, is guessed anew: rsync and browsers give a file its real name
// in the end.
func (v *volume) renamed(img *meta.Image, name string) meta.Fields {
	fields := meta.Fields{"name": name}
	if format := meta.FormatOf(name); format != "" && (img.Format == "" || img.Format == meta.FormatOf(img.Name)) {
		fields["format"] = format
	}
	guessed := cmp.Or(meta.ArchitectureOf(img.Name), v.architecture)
	if arch := meta.ArchitectureOf(name); arch != "" && (img.Architecture == "" || img.Architecture == guessed) {
		fields["architecture"] = arch
	}
	return fields
}
