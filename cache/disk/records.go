package disk

import "github.com/visorfs/visorfs/internal/hole"

// loadRecords reads what is there, and returns how many records were damaged. They are
// those of absent chunks from then on.
func (o *Object) loadRecords(f *files) (damaged int, err error) {
	o.held = PageBytes // the header
	page := make([]byte, PageBytes)
	for n := range o.segments {
		at := recordAt(int64(n) * segmentChunks)
		if _, err := f.index.ReadAt(page, at); err != nil {
			return 0, err
		}
		if [PageBytes]byte(page) == zeroPage {
			continue
		}
		bad := o.loadSegment(n, page)
		if damaged += bad; bad == 0 {
			continue
		}
		if _, err := f.index.WriteAt(page, at); err != nil {
			return 0, err
		}
	}
	return damaged, nil
}

// loadSegment reads a page of records, and clears those in it that are damaged.
func (o *Object) loadSegment(n int, page []byte) (damaged int) {
	s := o.newSegment(int64(n))
	for k := range s.chunks {
		i := int64(n*segmentChunks + k)
		b := page[k*recordBytes:]
		r, ok := parseRecord(b, o.salt, i, o.within(i))
		if !ok {
			damaged++
			record{}.put(b, o.salt, i)
			continue
		}
		s.chunks[k].present.Store(r.present)
		s.chunks[k].zero.Store(r.zero)
		s.chunks[k].used.Store(r.used)
		o.held += count(r.present&^r.zero) * PageBytes
		o.present.Add(count(r.present))
	}
	o.adopt(n, s)
	return damaged
}

// adopt makes s the object's, if it has anything, and counts the pages of its index.
func (o *Object) adopt(n int, s *segment) {
	o.segments[n].Store(s)
	first, used := int64(n)*segmentChunks, false
	for k := first; k < first+segmentChunks; k += groupChunks {
		if !o.groupEmpty(k) {
			o.held += PageBytes
			used = true
		}
	}
	if !used {
		o.segments[n].Store(nil)
		return
	}
	o.held += PageBytes
}

// sweep gives back bytes that a kill has left in the data file without a record, if it
// has more than it should. Some more is the filesystem's own.
func (o *Object) sweep(f *files, taken int64) {
	counted := int64(0)
	for _, c := range o.each {
		counted += count(c.stored()) * PageBytes
	}
	if !o.store.holes || taken <= counted+counted/64+PageBytes {
		return
	}
	for page := int64(0); page < o.pages; {
		from := o.next(page, o.pages, stored, false)
		page = o.next(from, o.pages, stored, true)
		if page > from && hole.Punch(f.data, from*PageBytes, (page-from)*PageBytes) != nil {
			return
		}
	}
}
