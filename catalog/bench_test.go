package catalog_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// manyImages is the size of repository that the benchmarks speak of.
const manyImages = 100_000

// numbered returns images in a shuffled order, in the root or in directories of 100.
func numbered(n int, deep bool) []*meta.Image {
	images := make([]*meta.Image, n)
	for i := range images {
		k := i * 7919 % n // a prime that is no factor of n
		name := fmt.Sprintf("image-%06d.iso", k)
		if deep {
			name = fmt.Sprintf("project-%02d/set-%03d/%s", k/10_000, k/100, name)
		}
		images[i] = &meta.Image{
			ID:   meta.ID(fmt.Sprintf("%08x-fe11-4f4a-9f55-%012x", uint32(k)*2654435761, k)), // no order
			Name: name, CreatedAt: time.Unix(int64(i), 0), Size: int64(i),
		}
	}
	return images
}

func shapes(b *testing.B, f func(b *testing.B, images []*meta.Image)) {
	for shape, deep := range map[string]bool{"flat": false, "deep": true} {
		b.Run(shape, func(b *testing.B) { f(b, numbered(manyImages, deep)) })
	}
}

func BenchmarkNewTree(b *testing.B) {
	shapes(b, func(b *testing.B, images []*meta.Image) {
		for b.Loop() {
			catalog.NewTree(images)
		}
	})
}

// What a tree holds beside the images themselves.
func BenchmarkTreeMemory(b *testing.B) {
	shapes(b, func(b *testing.B, images []*meta.Image) {
		var tree *catalog.Tree
		for b.Loop() {
			tree = nil
			before := heapInUse()
			tree = catalog.NewTree(images)
			b.ReportMetric(float64(heapInUse()-before)/manyImages, "B/image")
		}
		runtime.KeepAlive(tree)
		runtime.KeepAlive(images)
	})
}

func heapInUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// filled returns a catalog that has listed images.
func filled(images []*meta.Image) *catalog.Catalog {
	c := catalog.New(nil, time.Hour)
	c.Land(images)
	return c
}

func BenchmarkPut(b *testing.B) {
	shapes(b, func(b *testing.B, images []*meta.Image) {
		c := filled(images)
		for i := 0; b.Loop(); i++ {
			c.Put(&meta.Image{ID: meta.ID(fmt.Sprintf("%08x-new", i)), Name: images[i%len(images)].Name + fmt.Sprintf(".%d", i)})
			if _, err := c.Tree(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkRemove(b *testing.B) {
	shapes(b, func(b *testing.B, images []*meta.Image) {
		c := filled(images)
		for i := 0; b.Loop(); i++ {
			if i%len(images) == 0 {
				b.StopTimer()
				c.Land(images)
				_, _ = c.Tree(b.Context()) // it is known
				b.StartTimer()
			}
			c.Remove(images[i%len(images)].ID)
			if _, err := c.Tree(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}
