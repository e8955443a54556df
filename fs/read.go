package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"

	gofuse "github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// openReader returns a reader of exactly the version that img describes. An image
// without data reads as empty.
func (v *volume) openReader(img *meta.Image) (*cache.Reader, error) {
	switch {
	case img.Status == meta.Uploading:
		return nil, errBusy
	case img.Status == meta.Failed:
		return nil, errFailedImage
	}
	o := cache.Object{Key: cacheKey(img), Size: img.Size, Open: v.copies.opener(img.Version(), img.Size, v.opener(img))}
	if meta.IsMD5(img.Checksum) {
		o.MD5 = strings.ToLower(img.Checksum)
	}
	return v.cache.Reader(o), nil
}

// cacheKey names the bytes of an image: by their MD5 where the server gives one, so that
// a renamed, copied or just uploaded image is found again.
func cacheKey(img *meta.Image) cache.Key {
	return cache.Key{ID: string(img.ID), Content: img.Version()}
}

// opener fetches bytes of one version of an image. The client has tried again for
// as long as it may, so its errors are final.
func (v *volume) opener(img *meta.Image) cache.OpenFunc {
	version := img.Version()
	return func(ctx context.Context, off, n int64) (cache.Body, error) {
		body, err := v.client.GetImage(ctx, img.ID, visclient.Range{Offset: off, Length: n})
		switch {
		case errors.Is(err, visclient.ErrNotFound):
			return cache.Body{}, final{fmt.Errorf("%w: %w", errStale, err)}
		case err != nil:
			return cache.Body{}, final{err}
		case body.Image.Version() != version:
			_ = body.Close()
			return cache.Body{}, final{fmt.Errorf("get image %s: %w", img.ID, errStale)}
		}
		return cache.Body{ReadCloser: body, Start: body.Offset, Whole: body.Whole}, nil
	}
}

// final tells the cache that asking again is of no use.
type final struct{ error }

func (final) Permanent() bool { return true }
func (f final) Unwrap() error { return f.error }

// readHandle is a file opened for reading. It stays with the version that was opened,
// unless that is changed through this mount: the kernel has the same pages for all who
// have the file open, and they see each other's writes, as on a disk. An image without data
// has none to stay with: if it gets some elsewhere the kernel knows its new length, and would
// take the end of the old one for a file that became empty.
type readHandle struct {
	node *imageNode

	mu     sync.Mutex
	reader *cache.Reader // nil before the first read of what was open for writing
	saw    int           // use.commits that reader is of
}

var _ = (gofuse.FileReader)((*readHandle)(nil))

func (h *readHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	result, err := h.read(req, dest, off)
	for err == errRetired { // the draft has just become an image
		result, err = h.read(req, dest, off)
	}
	if err == nil {
		h.node.vol.requests.read.Add(int64(result.Size()))
	}
	return result, h.node.errno("read", err)
}

func (h *readHandle) read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, error) {
	d, r, err := h.source(ctx)
	if err != nil {
		return nil, err
	}
	if d != nil {
		n, err := d.read(ctx, dest, off)
		if err != nil && err != io.EOF {
			return nil, err
		}
		return fuse.ReadResultData(dest[:n]), nil
	}
	view, err := r.View(ctx, dest, off)
	if errors.Is(err, cache.ErrCorrupt) {
		h.node.coolDown()
	}
	if err != nil && err != io.EOF {
		view.Release()
		return nil, explain(err, r.Size())
	}
	if view.Size() == 0 {
		return fuse.ReadResultData(nil), nil
	}
	return viewResult{view}, nil
}

// source returns what to read from: the draft that is being written, or a reader.
func (h *readHandle) source(ctx context.Context) (*draft, *cache.Reader, error) {
	d, latest, commits := h.node.state()
	if d != nil {
		return d, nil, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.reader != nil && h.saw == commits && h.reader.Size() > 0 {
		return nil, h.reader, nil
	}
	if latest == nil || latest.Size == 0 {
		f, err := h.node.file(ctx)
		if err != nil {
			return nil, nil, err
		}
		latest = f.Image
	}
	r, err := h.node.vol.openReader(latest)
	if err != nil {
		return nil, nil, err
	}
	h.closeReader()
	h.reader, h.saw = r, commits
	return nil, r, nil
}

func (h *readHandle) closeReader() {
	if h.reader != nil {
		_ = h.reader.Close() // it has nothing to lose
	}
	h.reader = nil
}

// viewResult hands bytes to the kernel from where the cache has them.
type viewResult struct{ *cache.View }

var _ = (fuse.ReadResult)(viewResult{})

func (v viewResult) Bytes(buf []byte) ([]byte, fuse.Status) {
	buf = buf[:0]
	for _, s := range v.View.Slices() {
		buf = append(buf, s...)
	}
	return buf, fuse.OK
}

// Slices has go-fuse write them without a copy.
func (v viewResult) Slices() ([][]byte, fuse.Status) { return v.View.Slices(), fuse.OK }

func (v viewResult) Done() { v.Release() }

// explain says what a body means that ended early each time it was asked for.
func explain(err error, size int64) error {
	if !errors.Is(err, cache.ErrShort) {
		return err
	}
	return fmt.Errorf("%w: the server has fewer bytes than the %d of the image (the original server loses the end of an upload when it is killed soon after)", err, size)
}

var _ = (gofuse.FileReleaser)((*readHandle)(nil))

func (h *readHandle) Release(context.Context) syscall.Errno {
	h.node.vol.released(h.node)
	h.node.endCached()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closeReader()
	return 0
}
