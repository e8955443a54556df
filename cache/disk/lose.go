package disk

import (
	"sync/atomic"

	"github.com/visorfs/visorfs/internal/hole"
)

// discard forgets a chunk that turned out to be damaged.
func (o *Object) discard(i int64, cause error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c := o.chunk(i); o.store.closed.Load() || c == nil || c.present.Load() == 0 {
		return // another was faster
	}
	o.store.counts.discarded.Add(1)
	o.store.log.Warn("disk cache: discarding a damaged chunk", "content", o.content, "chunk", i, "err", cause)
	o.lose(i)
}

// Drop forgets all bytes.
func (o *Object) Drop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.exists && !o.store.closed.Load() {
		o.remove()
	}
}

// lose removes chunk i, or the whole object where its part of the files can't be given
// back, or isn't this process's alone. It is called with mu held.
func (o *Object) lose(i int64) {
	if o.pins.Load() > 0 || !o.store.holes || o.loseVerified() != nil || o.loseChunk(i) != nil || o.present.Load() == 0 {
		o.remove()
	}
}

// loseVerified is called with mu held, before anything is lost.
func (o *Object) loseVerified() error {
	o.losses.Add(1)
	if !o.verified.Load() {
		return nil
	}
	o.verified.Store(false)
	f, done, err := o.borrow()
	if err != nil {
		return err
	}
	defer done()
	return o.saveHeader(f, false)
}

// loseChunk removes chunk i: first its record, then the bytes, so that a kill in between
// leaves none that are believed.
func (o *Object) loseChunk(i int64) error {
	f, done, err := o.borrow()
	if err != nil {
		return err
	}
	defer done()
	lock := &o.reading[i%stripes]
	lock.Lock()
	defer lock.Unlock()
	freed := o.forget(i)
	if err := o.putRecord(f, i, record{}); err != nil {
		return err
	}
	if err := hole.Punch(f.data, i*ChunkBytes, ChunkBytes); err != nil {
		return err
	}
	o.yield(freed)
	return o.loseIndex(f, i)
}

// forget makes chunk i absent for readers, and returns how much of the data file it had.
func (o *Object) forget(i int64) (stored int64) {
	c := o.chunk(i)
	stored = count(c.stored()) * PageBytes
	o.present.Add(-count(c.present.Swap(0)))
	o.believed.Add(-count(c.believed.Swap(0)))
	c.zero.Store(0)
	return stored
}

// loseIndex gives back the pages of the index that have nothing left with chunk i.
func (o *Object) loseIndex(f *files, i int64) error {
	if !o.groupEmpty(i) {
		return nil
	}
	group := i / groupChunks * groupChunks
	if err := hole.Punch(f.index, sumAt(group*chunkPages), PageBytes); err != nil {
		return err
	}
	o.yield(PageBytes)
	first := i / segmentChunks * segmentChunks
	for k := first; k < first+segmentChunks; k += groupChunks {
		if !o.groupEmpty(k) {
			return nil
		}
	}
	o.segments[i/segmentChunks].Store(nil)
	if err := hole.Punch(f.index, recordAt(first), PageBytes); err != nil {
		return err
	}
	o.yield(PageBytes)
	return nil
}

// yield gives back n bytes that the files don't have any more.
func (o *Object) yield(n int64) {
	o.held -= n
	o.store.room.give(n)
}

// remove removes the files. Who has the data file from Backing keeps it. It is called
// with mu held, and no stripe of reading.
func (o *Object) remove() {
	for k := range o.reading {
		o.reading[k].Lock()
		defer o.reading[k].Unlock()
	}
	o.losses.Add(1)
	clearAll(o.segments)
	o.present.Store(0)
	o.believed.Store(0)
	o.exists = false
	o.verified.Store(false)
	if f := o.files.Swap(nil); f != nil {
		f.close()
	}
	if err := removeFiles(o.stem); err != nil {
		o.store.wrote(err)
	}
	o.yield(o.held)
	o.store.counts.objects.Add(-1)
	o.store.mu.Lock()
	defer o.store.mu.Unlock()
	if o.refs == 0 {
		delete(o.store.objects, o.content)
	}
}

func clearAll(list []atomic.Pointer[segment]) {
	for n := range list {
		list[n].Store(nil)
	}
}
