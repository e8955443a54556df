package disk

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

const benchBytes = 256 << 20

func filled(b *testing.B, noHoles bool) *Object {
	s := mustOpen(b, Options{Dir: newDir(b), noHoles: noHoles})
	o := mustObject(b, s, "x", benchBytes)
	o.WriteAt(someBytes(1, benchBytes), 0)
	if !o.Whole() {
		b.Fatal("not written")
	}
	return o
}

func BenchmarkReadAtSequential1MiB(b *testing.B) {
	o, p, off := filled(b, false), make([]byte, 1<<20), int64(0)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		if !o.ReadAt(p, off) {
			b.Fatal("not there")
		}
		off = (off + 1<<20) % benchBytes
	}
}

// Each page is checked.
func BenchmarkReadAtFirstTime1MiB(b *testing.B) {
	o, p, off := filled(b, false), make([]byte, 1<<20), int64(0)
	b.SetBytes(1 << 20)
	b.ReportAllocs()
	for b.Loop() {
		for i := off / ChunkBytes; i < (off+1<<20)/ChunkBytes; i++ {
			o.believed.Add(-count(o.chunk(i).believed.Swap(0)))
		}
		if !o.ReadAt(p, off) {
			b.Fatal("not there")
		}
		off = (off + 1<<20) % benchBytes
	}
}

func BenchmarkReadAtRandom4KiB(b *testing.B) {
	o, p := filled(b, false), make([]byte, PageBytes)
	b.SetBytes(PageBytes)
	b.ReportAllocs()
	for b.Loop() {
		if !o.ReadAt(p, rand.Int64N(o.pages)*PageBytes) {
			b.Fatal("not there")
		}
	}
}

func BenchmarkReadAtRandom4KiBParallel(b *testing.B) {
	o := filled(b, false)
	b.SetBytes(PageBytes)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		p := make([]byte, PageBytes)
		for pb.Next() {
			if !o.ReadAt(p, rand.Int64N(o.pages)*PageBytes) {
				b.Error("not there")
			}
		}
	})
}

// With room, and with an eviction for each write.
func BenchmarkWriteAt128KiB(b *testing.B) {
	for _, limit := range []int64{64 << 30, 64 << 20} {
		b.Run(fmt.Sprintf("limit=%dMiB", limit>>20), func(b *testing.B) {
			s := mustOpen(b, Options{Dir: newDir(b), Bytes: limit})
			o := mustObject(b, s, "x", 1<<40)
			p, off := someBytes(1, ChunkBytes), int64(0)
			b.SetBytes(ChunkBytes)
			b.ReportAllocs()
			for b.Loop() {
				o.WriteAt(p, off)
				if off += ChunkBytes; off%(1<<30) == 0 && limit > 1<<30 {
					b.StopTimer()
					o.Drop()
					b.StartTimer()
				}
			}
		})
	}
}

func BenchmarkWriteAtZeros128KiB(b *testing.B) {
	s := mustOpen(b, Options{Dir: newDir(b)})
	o := mustObject(b, s, "x", 1<<40)
	p, off := make([]byte, ChunkBytes), int64(0)
	b.SetBytes(ChunkBytes)
	for b.Loop() {
		o.WriteAt(p, off)
		off = (off + ChunkBytes) % (1 << 38)
	}
}

// Has and Missing are asked for each piece of a fill.
func BenchmarkHas(b *testing.B) {
	o := filled(b, false)
	var n atomic.Int64
	for b.Loop() {
		if o.Has(n.Add(ChunkBytes)%(benchBytes-ChunkBytes), ChunkBytes) {
			continue
		}
		b.Fatal("not there")
	}
}

// 100 GiB of cache.
func BenchmarkLookAt800000Chunks(b *testing.B) {
	s := mustOpen(b, Options{Dir: newDir(b)})
	for k := range 8 {
		o := mustObject(b, s, fmt.Sprint(k), 100_000*ChunkBytes)
		for i := range int64(100_000) {
			n := i / segmentChunks
			if o.segments[n].Load() == nil {
				o.segments[n].Store(o.newSegment(n))
			}
			o.chunk(i).present.Store(1)
			o.chunk(i).used.Store(tick(s.now()) - rand.Uint32N(1<<20))
		}
	}
	for b.Loop() {
		if len(s.look()) != batch {
			b.Fatal("not all found")
		}
	}
	s.objects = nil // there are no such files
}

func BenchmarkBarePread4KiB(b *testing.B) {
	o := filled(b, false)
	f := o.files.Load().data
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		p := make([]byte, PageBytes)
		for pb.Next() {
			_, _ = f.ReadAt(p, rand.Int64N(o.pages)*PageBytes)
		}
	})
}

// Of objects that aren't open.
func BenchmarkEvict(b *testing.B) {
	s := mustOpen(b, Options{Dir: newDir(b)})
	p := someBytes(1, ChunkBytes)
	for b.Loop() {
		if s.counts.objects.Load() == 0 {
			b.StopTimer()
			o := mustObject(b, s, "x", 1<<30)
			for off := int64(0); off < 128<<20; off += ChunkBytes {
				o.WriteAt(p, off)
			}
			o.Close()
			b.StartTimer()
		}
		s.evictor.mu.Lock()
		s.evict(nil)
		s.evictor.mu.Unlock()
	}
}

// 100 GiB of one object, of one page of zeros in each chunk.
func BenchmarkOpen100GiB(b *testing.B) {
	dir := newDir(b)
	s := mustOpen(b, Options{Dir: dir})
	o := mustObject(b, s, "x", 100<<30)
	for off := int64(0); off < o.size; off += ChunkBytes {
		o.WriteAt(zeroPage[:], off)
	}
	mustClose(b, s)
	for b.Loop() {
		mustClose(b, mustOpen(b, Options{Dir: dir}))
	}
}
