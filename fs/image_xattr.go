package fs

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/meta"
)

// described returns the image that extended attributes are of: the draft's, or the
// catalog's.
func (n *imageNode) described(ctx context.Context) (*meta.Image, error) {
	if d := n.currentDraft(); d != nil {
		return d.image(), nil
	}
	f, err := n.file(ctx)
	if err != nil {
		return nil, err
	}
	return f.Image, nil
}

// attributeOf returns the attribute behind an extended attribute's name. Other
// namespaces are not supported, and cost no request.
func attributeOf(xattr string) (string, syscall.Errno) {
	if name, ok := meta.FromXattr(xattr); ok {
		return name, 0
	}
	if strings.HasPrefix(xattr, "user.") {
		return "", noAttribute
	}
	return "", syscall.ENOTSUP
}

var _ = (gofuse.NodeGetxattrer)((*imageNode)(nil))

func (n *imageNode) Getxattr(ctx context.Context, xattr string, dest []byte) (uint32, syscall.Errno) {
	name, errno := attributeOf(xattr)
	if errno != 0 {
		return 0, errno
	}
	req := begin(ctx)
	defer req.done()
	img, err := n.described(req)
	if err != nil {
		return 0, n.errno("getxattr", err)
	}
	value, ok := img.Get(name)
	if !ok {
		return 0, noAttribute
	}
	return copyOut(dest, value)
}

var _ = (gofuse.NodeListxattrer)((*imageNode)(nil))

func (n *imageNode) Listxattr(ctx context.Context, dest []byte) (uint32, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	img, err := n.described(req)
	if err != nil {
		return 0, n.errno("listxattr", err)
	}
	var list strings.Builder
	for _, name := range img.Names() {
		list.WriteString(meta.XattrName(name) + "\x00")
	}
	return copyOut(dest, list.String())
}

// copyOut answers with a value, or with its length when dest is too short.
func copyOut(dest []byte, value string) (uint32, syscall.Errno) {
	if len(dest) < len(value) {
		return uint32(len(value)), syscall.ERANGE
	}
	return uint32(copy(dest, value)), 0
}

var _ = (gofuse.NodeSetxattrer)((*imageNode)(nil))

func (n *imageNode) Setxattr(ctx context.Context, xattr string, data []byte, flags uint32) syscall.Errno {
	name, ok := meta.FromXattr(xattr)
	if !ok {
		return syscall.ENOTSUP
	}
	req := begin(ctx)
	defer req.done()
	img, err := n.described(req)
	if err != nil {
		return n.errno("setxattr", err)
	}
	_, exists := img.Get(name)
	switch {
	case flags&unix.XATTR_CREATE != 0 && exists:
		return syscall.EEXIST
	case flags&unix.XATTR_REPLACE != 0 && !exists:
		return noAttribute
	}
	if n.vol.restore && isTheImagesOwn(name) {
		return 0
	}
	return n.errno("setxattr "+xattr, n.setAttribute(req, name, string(data)))
}

// isTheImagesOwn tells whether an attribute says of an image what is not so of a copy:
// one that is restored has its own id, path and place.
func isTheImagesOwn(name string) bool {
	return settable(name) != nil || name == "name" || name == "location"
}

func (n *imageNode) setAttribute(ctx context.Context, name, value string) error {
	if err := settable(name); err != nil {
		return err
	}
	if name == "name" {
		if err := cmp.Or(checkLitter(value), checkNewName(value)); err != nil {
			return err
		}
	}
	fields := meta.Fields{name: value}
	if err := fields.ValidateUpdate(); err != nil {
		return err
	}
	return n.setFields(ctx, fields)
}

// settable refuses what only the server sets.
func settable(name string) error {
	a, known := meta.Lookup(name)
	if known && (a.ServerOwned() || name == "store") {
		return fmt.Errorf("%s: %w", name, errPermission)
	}
	return nil
}

var _ = (gofuse.NodeRemovexattrer)((*imageNode)(nil))

// Removexattr clears a custom attribute: VIS cannot delete a key, but an empty one
// counts as absent.
func (n *imageNode) Removexattr(ctx context.Context, xattr string) syscall.Errno {
	name, errno := attributeOf(xattr)
	if errno != 0 {
		return errno
	}
	req := begin(ctx)
	defer req.done()
	img, err := n.described(req)
	if err != nil {
		return n.errno("removexattr", err)
	}
	if _, exists := img.Get(name); !exists {
		return noAttribute
	}
	_, known := meta.Lookup(name)
	if known && n.vol.restore {
		return 0 // rsync -X removes what the file that it restores from lacks
	}
	if known {
		return n.errno("removexattr "+xattr, fmt.Errorf("%s: VIS cannot clear an attribute of its own: %w", name, errPermission))
	}
	return n.errno("removexattr "+xattr, n.setAttribute(req, name, ""))
}
