package disk

import "context"

// Check reads and checks all bytes that this process has neither written nor checked, and
// discards damaged chunks. It reports whether the object is whole and right, as
// [Object.Believed] does. It doesn't count as use.
func (o *Object) Check(ctx context.Context) bool {
	buffer := buffers.Get().(*[ChunkBytes]byte)
	defer buffers.Put(buffer)
	for i, c := range o.each {
		for first, n := range runs(c.present.Load() &^ c.believed.Load()) {
			if ctx.Err() != nil {
				return false
			}
			off := i*ChunkBytes + first*PageBytes
			o.readChunk(buffer[:min(n*PageBytes, o.size-off)], off)
		}
	}
	return o.Believed()
}

// Believed reports whether all bytes are there, and each was written or checked by this
// process.
func (o *Object) Believed() bool { return o.believed.Load() == o.pages }

// Epoch changes whenever bytes are lost: evicted, discarded or dropped.
func (o *Object) Epoch() uint64 { return o.losses.Load() }

// SetVerified says that all bytes together are the right ones, by a checksum of the whole
// that the caller knows. That is kept with the object, until any of them are lost. It
// reports false, and does nothing, if the object isn't whole, or if bytes were lost since
// it had the epoch: those that are there now may not be those that were verified.
func (o *Object) SetVerified(epoch uint64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.Whole() || !o.exists || o.losses.Load() != epoch || o.store.closed.Load() {
		return false
	}
	if o.verified.Load() {
		return true
	}
	f, done, err := o.borrow()
	if err != nil {
		return false
	}
	defer done()
	if err := o.saveHeader(f, true); err != nil {
		o.store.wrote(err)
		return false
	}
	o.verified.Store(true)
	return true
}

// Verified reports whether SetVerified was successful, be it in an earlier process, and
// nothing was lost since. It says nothing of what the disk did to the bytes meanwhile: that
// is Check's.
func (o *Object) Verified() bool {
	return o.verified.Load() && o.Whole()
}
