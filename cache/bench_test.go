package cache

import (
	"bytes"
	"context"
	"io"
	"testing"
)

const benchBytes = 32 << 20

func openZeros(data []byte) OpenFunc {
	return func(_ context.Context, off, _ int64) (Body, error) {
		return Body{ReadCloser: io.NopCloser(bytes.NewReader(data[off:])), Start: off}, nil
	}
}

func readThrough(b *testing.B, r *Reader, p []byte) {
	for off := int64(0); off < r.Size(); off += int64(len(p)) {
		if _, err := r.ReadAt(b.Context(), p, off); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWarmReadAt(b *testing.B) {
	r := New(Options{}).Reader(Object{Key: Key{"id", "1"}, Size: benchBytes, Open: openZeros(make([]byte, benchBytes))})
	defer func() { _ = r.Close() }()
	p := make([]byte, chunkBytes)
	readThrough(b, r, p)
	b.SetBytes(chunkBytes)
	b.ReportAllocs()
	off := int64(0)
	for b.Loop() {
		if _, err := r.ReadAt(b.Context(), p, off); err != nil {
			b.Fatal(err)
		}
		off = (off + chunkBytes) % benchBytes
	}
}

func BenchmarkColdPass(b *testing.B) {
	open := openZeros(make([]byte, benchBytes))
	p := make([]byte, chunkBytes)
	b.SetBytes(benchBytes)
	for b.Loop() {
		r := New(Options{}).Reader(Object{Key: Key{"id", "1"}, Size: benchBytes, Open: open})
		readThrough(b, r, p)
		_ = r.Close()
	}
}
