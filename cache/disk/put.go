package disk

import "github.com/visorfs/visorfs/internal/hole"

// put writes a piece: bytes, sums, and last the record, which makes the pages present. It
// is called with mu held.
func (o *Object) put(f *files, w *piece) error {
	if err := o.putZeros(f, w); err != nil {
		return err
	}
	for first, n := range runs(w.fresh &^ w.zero) {
		if _, err := f.data.WriteAt(w.page(first, n), w.offset(first)); err != nil {
			return err
		}
	}
	var sums [chunkPages * sumBytes]byte
	for first, n := range runs(w.fresh) {
		page := w.chunk*chunkPages + first
		for k := range n {
			le.PutUint32(sums[k*sumBytes:], pageSum(w.page(first+k, 1), o.salt, page+k))
		}
		if _, err := f.index.WriteAt(sums[:n*sumBytes], sumAt(page)); err != nil {
			return err
		}
	}
	r := record{present: w.fresh, zero: w.zero, used: tick(o.store.now())}
	if c := o.chunk(w.chunk); c != nil {
		r.present |= c.present.Load()
		r.zero |= c.zero.Load()
	}
	return o.putRecord(f, w.chunk, r)
}

func (o *Object) putRecord(f *files, i int64, r record) error {
	var b [recordBytes]byte
	r.put(b[:], o.salt, i)
	_, err := f.index.WriteAt(b[:], recordAt(i))
	return err
}

// putZeros makes sure that the data file has nothing where pages are zeros. Where that
// can't be done they are written as any others.
func (o *Object) putZeros(f *files, w *piece) error {
	if o.clean || w.zero == 0 {
		return nil
	}
	if !o.store.holes {
		w.zero = 0
		return nil
	}
	for first, n := range runs(w.zero) {
		if err := hole.Punch(f.data, w.offset(first), n*PageBytes); err != nil {
			return err
		}
	}
	return nil
}

// undo gives back what a failed put may have taken. It is called with mu held.
func (o *Object) undo(f *files, w *piece) {
	o.clean = false
	if o.store.holes && w.fresh != 0 {
		for first, n := range runs(w.fresh) {
			_ = hole.Punch(f.data, w.offset(first), n*PageBytes)
		}
	}
	if o.present.Load() == 0 {
		o.remove() // the files have nothing else
	}
}

// admit lets readers see a piece that is in the files, and returns by how much these grew.
// It is called with mu held.
func (o *Object) admit(w *piece) (grown int64) {
	n := w.chunk / segmentChunks
	if o.segments[n].Load() == nil {
		o.segments[n].Store(o.newSegment(n))
		grown += PageBytes // of records
	}
	if o.groupEmpty(w.chunk) {
		grown += PageBytes // of sums
	}
	grown += count(w.fresh&^w.zero) * PageBytes
	o.held += grown
	c := o.chunk(w.chunk)
	c.used.Store(tick(o.store.now()))
	c.zero.Or(w.zero)
	c.believed.Or(w.fresh)
	c.present.Or(w.fresh)
	o.believed.Add(count(w.fresh))
	o.present.Add(count(w.fresh))
	return grown
}

// groupEmpty reports whether no chunk whose sums are on the page of chunk i's is there.
func (o *Object) groupEmpty(i int64) bool {
	s := o.segments[i/segmentChunks].Load()
	if s == nil {
		return true
	}
	first := i % segmentChunks / groupChunks * groupChunks
	for k := first; k < min(first+groupChunks, int64(len(s.chunks))); k++ {
		if s.chunks[k].present.Load() != 0 {
			return false
		}
	}
	return true
}
