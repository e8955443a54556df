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

// addTo adds the bytes from off of chunk i to a view, as many as p has. It waits for them,
// if it must; what is on disk it reads into p. The error is errAgain or errNotOnDisk when
// they were promised and did not come. A part that fails is not released.
func (p *part) addTo(ctx context.Context, r *Reader, v *View, scratch []byte, i, off int64) error {
	end := off + int64(len(scratch))
	switch {
	case p.chunk != nil:
	case p.pages != nil:
		addPages(v, p.pages, off, end)
		return nil
	case p.fetch != nil:
		return p.fetch.addTo(ctx, v, i*chunkBytes+off, i*chunkBytes+end)
	case p.disk:
		if err := r.readDisk(scratch, i*chunkBytes+off); err != nil {
			return err
		}
		v.add(scratch)
		return nil
	default:
		c, err := p.wait.get(ctx)
		if err != nil {
			return err
		}
		p.wait, p.chunk, p.data = nil, c, c.data
	}
	v.add(p.data[off:end])
	v.chunks = append(v.chunks, p.chunk)
	p.chunk = nil
	return nil
}

func addPages(v *View, pages *[chunkPages][]byte, off, end int64) {
	for off < end {
		page, at := pages[off/pageBytes], off%pageBytes
		n := min(end-off, pageBytes-at)
		v.add(page[at : at+n])
		off += n
	}
}
