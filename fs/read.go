package fs

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	return v.cache.Reader(cacheKey(img), img.Size, v.opener(img)), nil
}

// cacheKey names the bytes of an image.
func cacheKey(img *meta.Image) cache.Key {
	return cache.Key{ID: string(img.ID), Version: img.Version()}
}

// opener fetches bytes of one version of an image. The client has tried again for
// as long as it may, so its errors are final.
func (v *volume) opener(img *meta.Image) cache.OpenFunc {
	version := img.Version()
	return func(ctx context.Context, off, n int64) (io.ReadCloser, int64, error) {
		body, err := v.client.GetImage(ctx, img.ID, visclient.Range{Offset: off, Length: max(n, 0)})
		switch {
		case errors.Is(err, visclient.ErrNotFound):
			return nil, 0, final{fmt.Errorf("%w: %w", errStale, err)}
		case err != nil:
			return nil, 0, final{err}
		case body.Image.Version() != version:
			_ = body.Close()
			return nil, 0, final{fmt.Errorf("get image %s: %w", img.ID, errStale)}
		}
		return body, body.Offset, nil
	}
}

// final tells the cache that asking again is of no use.
type final struct{ error }

func (final) Permanent() bool { return true }
func (f final) Unwrap() error { return f.error }

// readHandle is a file opened for reading.
type readHandle struct {
	node   *imageNode
	reader *cache.Reader
}

var _ = (gofuse.FileReader)((*readHandle)(nil))

func (h *readHandle) Read(ctx context.Context, dest []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	req := begin(ctx)
	defer req.done()
	n, err := h.reader.ReadAt(req, dest, off)
	if err != nil && err != io.EOF {
		return nil, h.node.errno("read", explain(err, h.reader.Size()))
	}
	return fuse.ReadResultData(dest[:n]), 0
}

// explain says what a body means that ended early each time it was asked for.
func explain(err error, size int64) error {
	if !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return fmt.Errorf("%w: the server has fewer bytes than the %d of the image (the original server loses the end of an upload when it is killed soon after)", err, size)
}

var _ = (gofuse.FileReleaser)((*readHandle)(nil))

func (h *readHandle) Release(context.Context) syscall.Errno {
	_ = h.reader.Close() // it has nothing to lose
	return 0
}
