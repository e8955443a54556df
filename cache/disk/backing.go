package disk

import (
	"os"
	"sync"

	"github.com/visorfs/visorfs/internal/owner"
)

// Backing returns the data file, open for reading, if it has all bytes of the object, and
// they are both [Object.Verified] and [Object.Believed]. It isn't evicted before release,
// which closes the file and may be called more than once. Drop doesn't change it.
func (o *Object) Backing() (f *os.File, release func(), ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.exists || !o.verified.Load() || !o.Whole() || !o.Believed() || o.store.closed.Load() {
		return nil, nil, false
	}
	f, err := owner.Open(o.stem+dataExt, os.O_RDONLY)
	if err != nil {
		return nil, nil, false
	}
	if info, err := f.Stat(); err != nil || info.Size() != o.size {
		_ = f.Close()
		return nil, nil, false
	}
	o.pins.Add(1)
	return f, sync.OnceFunc(func() { o.unpin(f) }), true
}

// unpin ends a use of the data file, which counts as one of all chunks: what the kernel read
// isn't known.
func (o *Object) unpin(f *os.File) {
	_ = f.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.pins.Add(-1)
	now := tick(o.store.now())
	for i := range o.each {
		o.touch(i, now)
	}
}
