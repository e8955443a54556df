package cache

import (
	"context"
	"errors"
	"time"
)

// errAgain says that a part has to be asked for once more.
var errAgain = errors.New("ask again")

// part is what one read gets of one chunk. One of the kinds is set.
type part struct {
	chunk *chunk // in hand, and held
	data  []byte // of chunk

	pages *[chunkPages][]byte // in hand, those that are wanted

	wait  *wait  // for a stream to pass the chunk
	fetch *fetch // of bytes that the part lies in, by this read or another
	disk  bool   // to be read from disk
	run   *run   // that is kept waiting; nil for none
}

// release lets go of what the part holds.
func (p *part) release() {
	p.chunk.release()
	*p = part{}
}

// await returns when the chunk that a stream is to pass has come, or won't.
func (p *part) await(ctx context.Context) {
	if p.wait == nil {
		return
	}
	begun := time.Now()
	select {
	case <-p.wait.done:
	case <-ctx.Done():
	}
	if p.run != nil {
		p.run.waited.Add(int64(time.Since(begun)))
	}
}

// copyTo fills dst with the bytes from off of chunk i. It waits for them, if it must, and
// returns errAgain or errNotOnDisk when they were promised and did not come. It doesn't release a part
// that fails.
func (p *part) copyTo(ctx context.Context, r *Reader, dst []byte, i, off int64) error {
	switch {
	case p.chunk != nil:
		copy(dst, p.data[off:])
	case p.pages != nil:
		copyPages(dst, p.pages[off/pageBytes:], off%pageBytes)
	case p.fetch != nil:
		return p.fetch.copyTo(ctx, dst, i*chunkBytes+off)
	case p.disk:
		return r.readDisk(dst, i*chunkBytes+off)
	default:
		c, err := p.wait.get(ctx)
		if err != nil {
			return err
		}
		p.wait, p.chunk = nil, c
		copy(dst, c.data[off:])
	}
	return nil
}

func copyPages(dst []byte, pages [][]byte, skip int64) {
	for _, page := range pages {
		if len(dst) == 0 {
			return
		}
		n := copy(dst, page[skip:])
		dst, skip = dst[n:], 0
	}
}
