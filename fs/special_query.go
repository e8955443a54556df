package fs

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/visclient"
)

// byQuery is the directory in the root of those that queries name.
const byQuery = ".query"

// queriesDir is the directory of all queries. It lists none, and leads to any.
type queriesDir struct{ special }

var _ = (gofuse.NodeLookuper)((*queriesDir)(nil))

// Lookup reads the query, and asks the server nothing. What is no query at all is not there:
// programs look for names of their own everywhere.
func (d *queriesDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	if !catalog.IsQuery(name) {
		return nil, syscall.ENOENT
	}
	query, err := catalog.ParseQuery(name)
	if err != nil {
		return nil, d.errno("lookup", name, "", err)
	}
	d.vol.fillSpecialEntry(out)
	if known := d.GetChild(name); known != nil {
		return known, 0
	}
	n := &queryDir{special{vol: d.vol}, query}
	return d.NewInode(ctx, n, gofuse.StableAttr{Mode: fuse.S_IFDIR, Ino: d.ino(name)}), 0
}

// ino is the inode number of a query's directory: another one after it was removed, since
// the kernel lets nobody into a removed directory.
func (d *queriesDir) ino(name string) uint64 {
	return hashIno("query", name+"\x00"+strconv.FormatUint(d.vol.era.Load(), 10))
}

var _ = (gofuse.NodeReaddirer)((*queriesDir)(nil))

func (d *queriesDir) Readdir(context.Context) (gofuse.DirStream, syscall.Errno) {
	return gofuse.NewListDirStream(nil), 0
}

var _ = (gofuse.NodeRmdirer)((*queriesDir)(nil))

// Rmdir deletes every image that the server answers to the query now.
func (d *queriesDir) Rmdir(ctx context.Context, name string) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	query, err := catalog.ParseQuery(name)
	if err == nil {
		err = d.deleteByQuery(req, query)
	}
	if err == nil {
		d.vol.era.Add(1)
	}
	return d.errno("rmdir", name, "", err)
}

var errSelectsAll = errors.New("the query only orders, so this would delete every image; add a value to look for")

func (d *queriesDir) deleteByQuery(ctx context.Context, query catalog.Query) error {
	if !visclient.Selects(query.Values()) {
		return errSelectsAll
	}
	deleted, err := d.vol.client.DeleteByQuery(ctx, query.Values())
	before, _ := d.vol.catalog.Known()
	for _, img := range deleted {
		d.vol.catalog.Remove(img.ID)
		if n := d.vol.writer(img.ID); n != nil {
			_, discarding := n.discard(ctx)
			err = errors.Join(err, discarding)
		}
		if before == nil {
			continue
		}
		if f := before.File(img.ID); f != nil {
			d.forget(f.Path)
		}
	}
	return err
}

// inodeAt returns what the kernel knows at a path, or nil.
func inodeAt(root *gofuse.Inode, p string) *gofuse.Inode {
	at := root
	for segment := range strings.SplitSeq(p, "/") {
		if at = at.GetChild(segment); at == nil {
			return nil
		}
	}
	return at
}

// queryDir is the server's answer to a query, as a flat directory.
type queryDir struct {
	special
	query catalog.Query
}

var _ = (gofuse.NodeLookuper)((*queryDir)(nil))

func (d *queryDir) Lookup(ctx context.Context, name string, out *fuse.EntryOut) (*gofuse.Inode, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	f, err := d.vol.catalog.Lookup(req, d.query, name)
	if err != nil {
		return nil, d.errno("lookup", name, "", err)
	}
	return d.enter(ctx, req, f, out)
}

var _ = (gofuse.NodeReaddirer)((*queryDir)(nil))

func (d *queryDir) Readdir(ctx context.Context) (gofuse.DirStream, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	images, err := d.vol.catalog.List(req, d.query)
	if err != nil {
		return nil, d.errno("readdir", "", "", err)
	}
	entries := make([]fuse.DirEntry, len(images))
	for i, img := range images {
		entries[i] = fuse.DirEntry{Name: img.Name, Mode: fuse.S_IFREG, Ino: imageIno(img.ID)}
	}
	return gofuse.NewListDirStream(entries), 0
}

var _ = (gofuse.NodeUnlinker)((*queryDir)(nil))

func (d *queryDir) Unlink(ctx context.Context, name string) syscall.Errno {
	req := begin(ctx)
	defer req.done()
	f, err := d.vol.catalog.Lookup(req, d.query, name)
	if err != nil {
		return d.errno("unlink", name, "", err)
	}
	return d.errno("unlink", name, f.Image.ID, d.remove(req, f))
}
