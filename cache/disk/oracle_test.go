package disk

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Whatever is written, evicted, dropped and opened again, no read gives a wrong byte, the
// bound is kept, and what all methods tell fits together.
func TestAgreesWithOracle(t *testing.T) {
	for _, noHoles := range []bool{false, true} {
		for _, limit := range []int64{64 << 10, 1 << 20, 64 << 20} {
			seed := rand.Uint64()
			t.Run(fmt.Sprintf("noHoles=%v/limit=%d/seed=%d", noHoles, limit, seed), func(t *testing.T) {
				newWorld(t, seed, limit, noHoles).run(200)
			})
		}
	}
}

// world is a store, and what it should be.
type world struct {
	t       *testing.T
	rng     *rand.Rand
	opts    Options
	clock   *clock
	store   *Store
	names   []string
	bytes   map[string][]byte
	objects map[string]*Object
	written map[string][]bool // pages, ever
}

func newWorld(t *testing.T, seed uint64, limit int64, noHoles bool) *world {
	c := newClock()
	w := &world{
		t: t, rng: rand.New(rand.NewPCG(seed, 1)), clock: c,
		opts:  Options{Dir: newDir(t), Bytes: limit, now: c.now, noHoles: noHoles},
		bytes: map[string][]byte{}, objects: map[string]*Object{}, written: map[string][]bool{},
	}
	for k, size := range []int{1, PageBytes, 3*ChunkBytes + 17, 5 * ChunkBytes, segmentBytes + ChunkBytes + PageBytes + 1} {
		name := fmt.Sprint("object ", k)
		w.names = append(w.names, name)
		w.bytes[name] = sparseBytes(seed+uint64(k), size)
		w.written[name] = make([]bool, pagesOf(int64(size)))
	}
	w.reopen()
	return w
}

func (w *world) run(steps int) {
	for range steps {
		name := w.names[w.rng.IntN(len(w.names))]
		switch o := w.objects[name]; w.rng.IntN(12) {
		case 0, 1, 2, 3:
			w.write(o, name)
		case 4, 5, 6:
			w.read(o, name)
		case 7, 8:
			w.describe(o, name)
		case 9:
			w.verify(o, name)
		case 10:
			w.rare(o, name)
		case 11:
			w.clock.advance(time.Duration(w.rng.IntN(1000)) * time.Millisecond)
		}
		audit(w.t, w.store)
		if w.t.Failed() {
			w.t.FailNow()
		}
	}
	if got := w.store.Stats(); got.Discarded != 0 || got.WriteErrors != 0 {
		w.t.Errorf("undamaged files gave %+v", got)
	}
}

// some returns a random range, often of whole pages.
func (w *world) some(size int) (off, n int) {
	off = w.rng.IntN(size)
	n = 1 + w.rng.IntN(min(size-off, 1<<w.rng.IntN(21)))
	if w.rng.IntN(3) > 0 {
		off = off / PageBytes * PageBytes
		n = min(int(pagesOf(int64(n)))*PageBytes, size-off)
	}
	return off, n
}

func (w *world) write(o *Object, name string) {
	b := w.bytes[name]
	off, n := w.some(len(b))
	o.WriteAt(b[off:off+n], int64(off))
	for k := off / PageBytes; k <= (off+n-1)/PageBytes; k++ {
		w.written[name][k] = true
	}
}

func (w *world) read(o *Object, name string) {
	b := w.bytes[name]
	off, n := w.some(len(b))
	p, has := make([]byte, n), o.Has(int64(off), int64(n))
	got := o.ReadAt(p, int64(off))
	if got && !bytes.Equal(p, b[off:off+n]) {
		w.t.Errorf("%s: wrong bytes in %d at %d", name, n, off)
	}
	if got != has {
		w.t.Errorf("%s: %d at %d: has %v, read %v", name, n, off, has, got)
	}
}

func (w *world) describe(o *Object, name string) {
	b := w.bytes[name]
	size, whole := int64(len(b)), true
	for at := int64(0); at < size; {
		off, n := o.Missing(at)
		whole = whole && n == 0
		for page := at / PageBytes; page < off/PageBytes; page++ {
			if !w.written[name][page] {
				w.t.Errorf("%s: page %d is there and was never written", name, page)
			}
		}
		if off > at && !o.Has(at, off-at) || n > 0 && o.Has(off, min(n, 1)) {
			w.t.Errorf("%s: Has disagrees with Missing(%d) = %d, %d", name, at, off, n)
		}
		at = off + max(n, 1)
	}
	if o.Whole() != whole {
		w.t.Errorf("%s: whole %v, runs say %v", name, o.Whole(), whole)
	}
	for at := int64(0); at < size; {
		zero, end := o.ZeroRun(at)
		if end <= at || zero && (!o.Has(at, end-at) || len(bytes.Trim(b[at:end], "\x00")) > 0) {
			w.t.Fatalf("%s: ZeroRun(%d) = %v, %d", name, at, zero, end)
		}
		at = end
	}
}

func (w *world) verify(o *Object, name string) {
	epoch := o.Epoch()
	if w.rng.IntN(2) == 0 && (o.size < segmentBytes || w.rng.IntN(4) == 0) {
		o.WriteAt(w.bytes[name], 0)
		for k := range w.written[name] {
			w.written[name][k] = true
		}
	}
	whole := o.Whole()
	if o.Check(w.t.Context()) != whole {
		w.t.Errorf("%s: whole %v, check says otherwise", name, whole)
	}
	if ok := o.SetVerified(epoch); ok && !whole || ok != o.Verified() && !o.Verified() {
		w.t.Errorf("%s: whole %v, verified %v", name, whole, ok)
	}
	f, release, ok := o.Backing()
	if ok != o.Verified() {
		w.t.Errorf("%s: verified %v, backing %v", name, o.Verified(), ok)
	}
	if !ok {
		return
	}
	defer release()
	p := make([]byte, len(w.bytes[name])+1)
	if n, _ := f.ReadAt(p, 0); !bytes.Equal(p[:n], w.bytes[name]) {
		w.t.Errorf("%s: the file has other bytes", name)
	}
}

func (w *world) rare(o *Object, name string) {
	switch w.rng.IntN(4) {
	case 0:
		o.Drop()
		clear(w.written[name])
		if o.Has(0, 1) || o.Verified() {
			w.t.Errorf("%s: survived Drop", name)
		}
	case 1:
		o.Close()
		w.objects[name] = mustObject(w.t, w.store, name, len(w.bytes[name]))
	case 2:
		w.opts.Bytes = max(64<<10, w.opts.Bytes/2+w.rng.Int64N(w.opts.Bytes))
		w.reopen()
	}
}

// reopen opens the store again, which must have what it had if that fits.
func (w *world) reopen() {
	before, held := map[string][]bool{}, int64(0)
	if w.store != nil {
		held = w.store.Stats().Held
		for name, o := range w.objects {
			for page := range o.pages {
				before[name] = append(before[name], o.next(page, o.pages, present, true) == page)
			}
			before[name] = append(before[name], o.Verified())
		}
		mustClose(w.t, w.store)
	}
	w.store = mustOpen(w.t, w.opts)
	for _, name := range w.names {
		o := mustObject(w.t, w.store, name, len(w.bytes[name]))
		w.objects[name] = o
		for page, was := range before[name] {
			is := o.Verified()
			if page < int(o.pages) {
				is = o.next(int64(page), o.pages, present, true) == int64(page)
			}
			if is != was && (is || held <= w.opts.Bytes) {
				w.t.Errorf("%s: page %d of %d was there %v, is %v", name, page, o.pages, was, is)
			}
		}
	}
}
