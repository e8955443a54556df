package visserver

import (
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"github.com/visorfs/visorfs/meta"
)

// batchChanges bounds what one transaction holds, and so how long its first
// change waits.
const batchChanges = 1000

var errClosed = errors.New("the server is closed")

// edit computes the next record of an image from the present one, which it must
// not change. Nil is no record, on either side.
type edit func(now *meta.Image) (next *meta.Image, err error)

// change is an edit on its way to the disk.
type change struct {
	id   meta.ID
	edit edit
	done chan struct{} // closed when the fields below are final

	next  *meta.Image
	reads int64 // counted in memory that next includes
	err   error
}

func newChange(id meta.ID, e edit) *change {
	return &change{id: id, edit: e, done: make(chan struct{})}
}

// update changes a record. When it returns without error, the change is on disk
// and visible. It returns the record as users see it, nil after a removal.
func (t *records) update(id meta.ID, e edit) (*meta.Image, error) {
	c := newChange(id, e)
	select {
	case t.changes <- c:
		<-c.done
		return c.next, c.err
	case <-t.closing:
		return nil, errClosed
	}
}

// run commits changes until the table closes. One goroutine does all of it, so
// an edit sees the outcome of every earlier one.
func (t *records) run() {
	defer close(t.stopped)
	for {
		select {
		case first := <-t.changes:
			_ = t.commit(t.gather(first)) // every change carries its error
		case <-t.closing:
			return
		}
	}
}

// gather returns a change and those that wait behind it: they share an fsync.
func (t *records) gather(first *change) []*change {
	batch := []*change{first}
	for len(batch) < batchChanges {
		select {
		case c := <-t.changes:
			batch = append(batch, c)
		default:
			return batch
		}
	}
	return batch
}

// commit writes a batch in one transaction, then shows it and tells the waiting.
func (t *records) commit(batch []*change) error {
	err := t.db.Update(func(tx *bbolt.Tx) error { return t.write(tx, batch) })
	if err != nil {
		err = fmt.Errorf("write records: %w", err)
	}
	t.mu.Lock()
	for _, c := range batch {
		if c.err == nil {
			c.err = err
		}
		if c.err == nil {
			t.show(c)
		}
	}
	t.mu.Unlock()
	for _, c := range batch {
		close(c.done)
	}
	return err
}

// write runs the edits of a batch one after the other. An edit that fails is
// left out; only the database makes all of them fail.
func (t *records) write(tx *bbolt.Tx, batch []*change) error {
	bucket := tx.Bucket(imagesBucket)
	written := make(map[meta.ID]*meta.Image)
	for _, c := range batch {
		now, ok := written[c.id]
		if !ok {
			now, c.reads = t.present(c.id)
		}
		if c.next, c.err = c.edit(now); c.err != nil {
			c.reads = 0
			continue
		}
		if err := put(bucket, c.id, c.next); err != nil {
			return err
		}
		written[c.id] = c.next
	}
	return nil
}

func put(bucket *bbolt.Bucket, id meta.ID, img *meta.Image) error {
	if img == nil {
		return bucket.Delete([]byte(id))
	}
	return bucket.Put([]byte(id), img.AppendJSON(nil, meta.Full))
}

// present returns a record with the reads counted in memory, and their number.
func (t *records) present(id meta.ID) (*meta.Image, int64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	e, ok := t.entries[id]
	if !ok {
		return nil, 0
	}
	return e.withReads(), e.reads
}

// show makes a committed change visible; t.mu is held.
func (t *records) show(c *change) {
	t.shows++
	if c.next == nil {
		delete(t.entries, c.id)
		return
	}
	e, ok := t.entries[c.id]
	if !ok {
		e = new(entry)
		t.entries[c.id] = e
	}
	e.image = c.next
	e.reads -= c.reads
	c.next = e.shown()
}
