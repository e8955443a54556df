package spool

// maxKept bounds the descriptors that copies take.
const maxKept = 256

// Keep lets the file go when others need its room. It is closed then, and after that evict
// is called, from a goroutine of its own; until evict returns, [Dir.Close] waits.
func (f *File) Keep(evict func()) {
	f.lastRead.Store(f.dir.reads.Add(1))
	if f.dir.keep(f, evict) > maxKept {
		f.dir.evicting.Lock()
		defer f.dir.evicting.Unlock()
		f.dir.evict(f)
	}
}

// keep returns how many files are kept.
func (d *Dir) keep(f *File, evict func()) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, open := d.files[f]; open && !d.closed {
		d.kept[f] = evict
	}
	return len(d.kept)
}

// makeRoom lets a kept file other than f go, and reports whether there may be more room
// now than when the evictions were seen. The caller has no lock.
func (d *Dir) makeRoom(f *File, seen int64) bool {
	d.evicting.Lock()
	defer d.evicting.Unlock()
	if d.evictions.Load() != seen {
		return true
	}
	return d.evict(f) || d.recountLost()
}

// evict is called with evicting held.
func (d *Dir) evict(except *File) bool {
	f, evict := d.oldest(except)
	if f == nil {
		return false
	}
	_ = f.Close() // it was a copy
	d.evictions.Add(1)
	d.telling.Go(evict)
	return true
}

// oldest takes the one of the kept files that was not read for the longest time.
func (d *Dir) oldest(except *File) (oldest *File, evict func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for f := range d.kept {
		if f != except && (oldest == nil || f.lastRead.Load() < oldest.lastRead.Load()) {
			oldest = f
		}
	}
	if oldest == nil {
		return nil, nil
	}
	evict = d.kept[oldest]
	delete(d.kept, oldest)
	return oldest, evict
}
