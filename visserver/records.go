package visserver

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/visorfs/visorfs/meta"
)

const (
	databaseName = "visor.db"
	lockTimeout  = time.Second // long enough for a server that is just ending
)

var imagesBucket = []byte("images")

// records holds every image record, in a database and in memory.
type records struct {
	db      *bbolt.DB
	changes chan *change  // to the goroutine of run
	closing chan struct{} // closed by close: no more changes
	stopped chan struct{} // closed when run has ended

	mu      sync.RWMutex // never held during I/O
	entries map[meta.ID]*entry
	shows   uint64 // counts what changed what users see, but for reads
}

// entry is one record and what is known of it in memory only.
type entry struct {
	image    *meta.Image // as on disk, never changed
	reads    int64       // since image was written
	lastRead time.Time
	claim    claim
}

// claim is an operation that an image can take part in once at a time.
type claim int

const (
	unclaimed claim = iota
	uploading
	removing
)

// openRecords opens the database at path. It calls prepare on every image before
// it is shown.
func openRecords(path string, prepare func(*meta.Image)) (*records, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("open %s: %w: %w", path, ErrInUse, err)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	t := &records{
		db: db, entries: make(map[meta.ID]*entry),
		changes: make(chan *change), closing: make(chan struct{}), stopped: make(chan struct{}),
	}
	if err := db.Update(func(tx *bbolt.Tx) error { return t.load(tx, prepare) }); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	go t.run()
	return t, nil
}

func (t *records) load(tx *bbolt.Tx, prepare func(*meta.Image)) error {
	bucket, err := tx.CreateBucketIfNotExists(imagesBucket)
	if err != nil {
		return err
	}
	return bucket.ForEach(func(key, value []byte) error {
		img := new(meta.Image)
		if err := img.UnmarshalJSON(value); err != nil {
			return fmt.Errorf("load record %q: %w", key, err)
		}
		if err := uuid.Validate(string(key)); err != nil || string(img.ID) != string(key) {
			return fmt.Errorf("load record %q: it is not that of an image of this server", key)
		}
		prepare(img)
		t.entries[img.ID] = &entry{image: img}
		return nil
	})
}

// close writes the reads counted in memory and closes the database.
func (t *records) close() error {
	close(t.closing)
	<-t.stopped
	return errors.Join(t.flushReads(), t.db.Close())
}

func (t *records) flushReads() error {
	var batch []*change
	t.mu.RLock()
	for id, e := range t.entries {
		if e.reads > 0 {
			batch = append(batch, newChange(id, func(now *meta.Image) (*meta.Image, error) { return now, nil }))
		}
	}
	t.mu.RUnlock()
	if len(batch) == 0 {
		return nil
	}
	return t.commit(batch)
}

// get returns an image as users see it.
func (t *records) get(id meta.ID) (*meta.Image, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	e, ok := t.entries[id]
	if !ok {
		return nil, false
	}
	return e.shown(), true
}

// state is another after whatever changes what users see, but for the number and time of
// reads.
func (t *records) state() uint64 {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.shows
}

// all returns every image as users see it, in no order.
func (t *records) all() []*meta.Image {
	t.mu.RLock()
	defer t.mu.RUnlock()
	images := make([]*meta.Image, 0, len(t.entries))
	for _, e := range t.entries {
		images = append(images, e.shown())
	}
	return images
}

// count returns how many images there are.
func (t *records) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.entries)
}

// read counts one access to an image. It costs no write: counts reach the disk
// with the next change of the record, or at the end.
func (t *records) read(id meta.ID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[id]; ok {
		e.reads++
		e.lastRead = now()
	}
}

// claim reserves an image for one upload or its removal. It fails when there is
// no such image or it is claimed already. The status of a claimed image changes
// through its claimant only.
func (t *records) claim(id meta.ID, as claim) (release func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, found := t.entries[id]
	if !found || e.claim != unclaimed {
		return nil, false
	}
	e.claim = as
	t.shows++ // an upload shows
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		e.claim = unclaimed
		t.shows++
	}, true
}

// withReads returns the image with the reads counted since it was written.
func (e *entry) withReads() *meta.Image {
	if e.reads == 0 {
		return e.image
	}
	img := *e.image // shares Other, which nobody changes
	img.AccessCount += e.reads
	img.AccessedAt = e.lastRead
	return &img
}

// shown returns the image as users see it.
func (e *entry) shown() *meta.Image {
	img := e.withReads()
	if e.claim != uploading || !img.Status.TakesData() {
		return img
	}
	busy := *img
	busy.Status = meta.Uploading
	return &busy
}
