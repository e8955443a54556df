package spool

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
)

// Whatever a reader is told to be written it can read, in whole blocks of one write each.
func TestReadersBesideAWriter(t *testing.T) {
	t.Parallel()
	const block, blocks = 4096, 64
	d := mustOpen(t, Options{Dir: newDir(t)})
	f := mustCreate(t, d, "x")
	done := make(chan struct{})
	var readers sync.WaitGroup
	for seed := range uint64(3) {
		readers.Go(func() {
			r, p := rand.New(rand.NewPCG(seed, 0)), make([]byte, block)
			for {
				select {
				case <-done:
					return
				default:
				}
				off := r.Int64N(blocks) * block
				if to, written := f.Extent(off, off+block); !written || to != off+block {
					continue
				}
				if _, err := f.ReadAt(p, off); err != nil || bytes.Count(p, p[:1]) != block {
					t.Errorf("block at %d: %v, %v", off, p[:4], err)
					return
				}
			}
		})
	}
	for i := range int64(blocks) { // each block once: a read may see half of an overwrite
		off := i * 29 % blocks * block
		if i%4 == 0 {
			must(t, f.Zero(off, off+block))
		} else {
			mustWrite(t, f, bytes.Repeat([]byte{byte(i)}, block), off)
		}
	}
	close(done)
	readers.Wait()
	if !f.Whole(blocks * block) {
		t.Error("not whole")
	}
}

func TestReadNeverMeetsAClosedFile(t *testing.T) {
	t.Parallel()
	d := mustOpen(t, Options{Dir: newDir(t)})
	b := someBytes(1, 1<<16)
	for range 20 {
		f := mustCreate(t, d, "x")
		mustWrite(t, f, b, 0)
		var started, readers sync.WaitGroup
		for range 4 {
			started.Add(1)
			readers.Go(func() {
				started.Done()
				p := make([]byte, len(b))
				for {
					_, err := f.ReadAt(p, 0)
					if errors.Is(err, os.ErrClosed) {
						return
					}
					if err != nil || !bytes.Equal(p, b) {
						t.Errorf("read beside Close: %v", err)
						return
					}
				}
			})
		}
		started.Wait()
		must(t, f.Close())
		readers.Wait()
	}
}

// Many write, keep, and read copies in little room: nothing deadlocks, all is right, and
// all the room comes back.
func TestManyFilesShareTheRoom(t *testing.T) {
	t.Parallel()
	const size = 50000
	d := mustOpen(t, Options{Dir: newDir(t), MaxBytes: 6 * size})
	var all sync.WaitGroup
	for w := range uint64(4) {
		all.Go(func() {
			for i := range 30 {
				if err := copyLife(d, someBytes(w, size), fmt.Sprint(w, "-", i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	must(t, d.Close())
	wantRoom(t, d, 0)
}

// copyLife writes a file, keeps it, and reads it once if it is still there.
func copyLife(d *Dir, b []byte, name string) error {
	f, err := d.Create(name)
	if err != nil {
		return err
	}
	for off := 0; off < len(b); off += 10000 {
		if _, err := f.WriteAt(b[off:off+10000], int64(off)); err != nil {
			return err
		}
	}
	if err := f.Unlink(); err != nil {
		return err
	}
	f.Keep(func() { _ = f.Close() })
	p := make([]byte, len(b))
	if _, err := f.ReadAt(p, 0); errors.Is(err, os.ErrClosed) {
		return nil
	} else if err != nil {
		return err
	}
	if !bytes.Equal(p, b) {
		return errors.New(name + " reads wrong")
	}
	return nil
}
