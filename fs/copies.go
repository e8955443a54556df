package fs

import (
	"context"
	"io"
	"sync"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/spool"
)

// copies are the spool files of images that were uploaded from here: the server's MD5 was
// that of their bytes. They are read back without a request, until the spool needs room.
type copies struct {
	mu    sync.Mutex
	files map[string]*spool.File // by version
}

func (c *copies) add(version string, f *spool.File) {
	if err := f.Unlink(); err != nil {
		_ = f.Close() // one copy less
		return
	}
	c.mu.Lock()
	older := c.files[version]
	if c.files == nil {
		c.files = make(map[string]*spool.File)
	}
	c.files[version] = f
	c.mu.Unlock()
	if older != nil {
		_ = older.Close() // it held the same
	}
	f.Keep(func() { c.drop(version, f) })
}

// drop forgets a copy that is gone.
func (c *copies) drop(version string, f *spool.File) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.files[version] == f {
		delete(c.files, version)
	}
}

// open returns bytes of a version, if there is a copy.
func (c *copies) open(version string, off, n int64) (cache.Body, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[version]
	if f == nil {
		return cache.Body{}, false
	}
	body := &copyBody{io.NewSectionReader(f, off, n), func() { c.lose(version, f) }}
	return cache.Body{ReadCloser: io.NopCloser(body), Start: off, Local: true}, true
}

// copyBody reads a copy. One that cannot be read is none: the next try goes elsewhere.
type copyBody struct {
	from io.Reader
	lose func()
}

func (b *copyBody) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if err != nil && err != io.EOF {
		b.lose()
	}
	return n, err
}

// lose lets go of a copy that the disk does not give back.
func (c *copies) lose(version string, f *spool.File) {
	c.drop(version, f)
	_ = f.Close()
}

// opener fetches bytes of one version from its copy while there is one, otherwise from
// elsewhere.
func (c *copies) opener(version string, size int64, elsewhere cache.OpenFunc) cache.OpenFunc {
	return func(ctx context.Context, off, n int64) (cache.Body, error) {
		if n < 0 {
			n = size - off // also from 0: the answer tells whether the server honours ranges
		}
		if body, ok := c.open(version, off, n); ok {
			return body, nil
		}
		return elsewhere(ctx, off, n)
	}
}
