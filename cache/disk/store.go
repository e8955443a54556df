package disk

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const defaultBytes = 10 << 30

// Options of a Store. Of fields without another default the zero value is one.
type Options struct {
	Dir    string       // required; is made if it isn't there
	Bytes  int64        // bound on what the files take, indexes included; default 10 GiB
	Logger *slog.Logger // default slog.Default()

	now     func() time.Time // default time.Now
	noHoles bool             // as if the filesystem couldn't punch holes
}

func (o *Options) setDefaults() {
	if o.Bytes <= 0 {
		o.Bytes = defaultBytes
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.now == nil {
		o.now = time.Now
	}
}

// Store keeps bytes of many objects in a directory. Its methods, and those of its objects,
// may be called at once from many goroutines.
type Store struct {
	dir    string
	log    *slog.Logger
	now    func() time.Time
	marker *os.File // locked
	holes  bool     // parts of a file can be given back

	room    room
	evictor evictor
	pause   pause
	counts  counts
	closed  atomic.Bool // set before the files are closed, under each Object.mu

	mu      sync.Mutex
	objects map[string]*Object // those on disk, and those with refs > 0
}

// Open makes a directory this process's cache, and reads what it has. Another Open of it
// fails with [ErrInUse] until Close, or the end of the process.
func Open(opts Options) (*Store, error) {
	opts.setDefaults()
	marker, err := claimDir(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("disk cache %s: %w", opts.Dir, err)
	}
	holes, err := probe(marker)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("disk cache %s: %w", opts.Dir, err), marker.Close())
	}
	s := &Store{
		dir:     opts.Dir,
		log:     opts.Logger,
		now:     opts.now,
		marker:  marker,
		holes:   holes && !opts.noHoles,
		room:    room{limit: opts.Bytes},
		objects: make(map[string]*Object),
	}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("disk cache %s: %w", opts.Dir, err), marker.Close())
	}
	s.shrink()
	return s, nil
}

// Object returns the object that has the name content, and size bytes. All who ask for one
// name get the same; each call is paired with one [Object.Close]. Nothing is made on disk
// before the first write. It is an error to ask for another size while the object is open;
// what the disk has of another size is forgotten.
func (s *Store) Object(content string, size int64) (*Object, error) {
	if size < 0 || size > maxSize || len(content) > maxContent {
		return nil, fmt.Errorf("disk cache: an object of %d bytes whose name has %d can't be kept", size, len(content))
	}
	o, first, err := s.refer(content, size)
	if err != nil || !first {
		return o, err
	}
	if err := o.open(); err != nil {
		o.Close()
		return nil, fmt.Errorf("disk cache: open %q: %w", content, err)
	}
	return o, nil
}

// refer returns the object with one more reference, and whether that is the first.
func (s *Store) refer(content string, size int64) (o *Object, first bool, err error) {
	for !s.closed.Load() {
		s.mu.Lock()
		o := s.objects[content]
		if o == nil {
			o = newObject(s, content, size)
			s.objects[content] = o
		}
		if o.size == size {
			o.refs++
			first := o.refs == 1
			s.mu.Unlock()
			return o, first, nil
		}
		open := o.refs > 0
		s.mu.Unlock()
		if open {
			return nil, false, fmt.Errorf("disk cache: %q is open with %d bytes, not %d", content, o.size, size)
		}
		o.Drop()
	}
	return nil, false, fmt.Errorf("disk cache: %w", os.ErrClosed)
}

func (s *Store) isOpen(o *Object) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return o.refs > 0
}

// snapshot returns the objects that there are.
func (s *Store) snapshot() []*Object {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Object, 0, len(s.objects))
	for _, o := range s.objects {
		list = append(list, o)
	}
	return list
}

// Close ends the use of the directory. Objects that are still open have nothing from then
// on, and keep nothing; what [Object.Backing] gave stays good. Nothing is synced: what a
// crash of the machine loses is found by its checksum.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return os.ErrClosed
	}
	s.evictor.mu.Lock() // waits for one that runs
	s.evictor.oldest = nil
	s.evictor.mu.Unlock()
	for _, o := range s.snapshot() {
		o.shut()
	}
	return s.marker.Close()
}
