package visclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// cutting passes a reply on until its body has so many bytes. Then it breaks the
// connection, or ends the body as if it were complete.
func cutting(next http.Handler, bytes int, clean bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c := &cutBody{ResponseWriter: w, left: bytes}
		defer func() {
			if recover(); c.cut && !clean {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(c, r)
	}
}

type cutBody struct {
	http.ResponseWriter
	left int
	cut  bool
}

func (c *cutBody) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func (c *cutBody) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p[:min(len(p), c.left)])
	c.left -= n
	if err == nil && n < len(p) {
		c.cut = true
		err = errors.Join(http.ErrAbortHandler, http.NewResponseController(c.ResponseWriter).Flush())
	}
	return n, err
}

func randomText(size int) string {
	data := make([]byte, size)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(data)
	return string(data)
}

func ranges(requests []*http.Request) []string {
	var all []string
	for _, r := range requests {
		all = append(all, r.Header.Get("Range"))
	}
	return all
}

func TestDownloadResumesABrokenBodyAtTheNextMissingByte(t *testing.T) {
	server := vis(t, visserver.Options{})
	c, front := serve(t, server)
	data := randomText(1 << 20)
	img := post(t, c, fields("big"), data)
	front.seen()
	front.fail(cutting(server, 100_000, false), cutting(server, 0, false), cutting(server, 300_000, false))

	var got bytes.Buffer
	n, err := c.Download(t.Context(), img, 0, &got)
	if err != nil || n != int64(len(data)) || got.String() != data {
		t.Fatalf("%d bytes, the right ones: %v, %v", n, got.String() == data, err)
	}
	want := []string{"", "bytes=100000-", "bytes=100000-", "bytes=400000-"}
	if asked := ranges(front.seen()); !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
}

func TestDownloadSkipsWhatAServerWithoutRangesRepeats(t *testing.T) {
	server := vis(t, visserver.Options{IgnoreRange: true})
	c, front := serve(t, server)
	data := randomText(1 << 20)
	img := post(t, c, fields("big"), data)
	front.seen()
	// The original's bodies may end early and look complete.
	front.fail(cutting(server, 100_000, true), cutting(server, 50_000, true), cutting(server, 300_000, false))

	var got bytes.Buffer
	n, err := c.Download(t.Context(), img, 1000, &got)
	if err != nil || n != int64(len(data)-1000) || got.String() != data[1000:] {
		t.Fatalf("%d bytes, the right ones: %v, %v", n, got.String() == data[1000:], err)
	}
	if asked := ranges(front.seen()); len(asked) != 4 {
		t.Errorf("asked for %q, want 4 bodies", asked)
	}
}

func TestDownloadStartsAtTheOffset(t *testing.T) {
	c, front := embedded(t)
	img := post(t, c, fields("small"), "0123456789")
	front.seen()
	for _, test := range []struct {
		offset   int64
		want     string
		requests int
	}{{0, "0123456789", 1}, {7, "789", 1}, {10, "", 0}} {
		var got bytes.Buffer
		n, err := c.Download(t.Context(), img, test.offset, &got)
		if err != nil || got.String() != test.want || n != int64(len(test.want)) {
			t.Errorf("from %d: %q, %d, %v", test.offset, got.String(), n, err)
		}
		if asked := front.seen(); len(asked) != test.requests {
			t.Errorf("from %d: %d requests, want %d", test.offset, len(asked), test.requests)
		}
	}
	for _, offset := range []int64{-1, 11} {
		_, err := c.Download(t.Context(), img, offset, io.Discard)
		wantError(t, "an offset outside", err, visclient.ErrInvalid)
	}
}

func TestDownloadRefusesAnotherVersion(t *testing.T) {
	c, _ := embedded(t)
	img := post(t, c, fields("small"), "0123456789").Clone()
	img.Checksum = md5Of("something else")
	var got bytes.Buffer
	n, err := c.Download(t.Context(), img, 0, &got)
	wantError(t, "another version", err, visclient.ErrMismatch)
	if n != 0 || got.Len() != 0 {
		t.Errorf("%d bytes of it were written", got.Len())
	}
}

// saying answers with the headers of an image and any body.
func saying(img *meta.Image, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		img.SetHeader(w.Header())
		_ = http.NewResponseController(w).Flush() // without Content-Length
		_, _ = io.WriteString(w, body)
	}
}

func TestDownloadRefusesMoreBytesThanTheImageHas(t *testing.T) {
	img := &meta.Image{ID: someID, Name: "x", Architecture: "i386", Status: meta.Available, Size: 10, Checksum: md5Of("0123456789")}
	c, _ := serve(t, saying(img, "0123456789a"))
	var got bytes.Buffer
	n, err := c.Download(t.Context(), img, 0, &got)
	wantError(t, "a longer body", err, visclient.ErrMismatch)
	if n != 10 || got.String() != "0123456789" {
		t.Errorf("%d, %q", n, got.String())
	}
}

func TestDownloadOfUnknownSizeEndsWithTheBody(t *testing.T) {
	img := &meta.Image{ID: someID, Name: "x", Architecture: "i386", Status: meta.Available, Location: "http://other/x"}
	c, _ := serve(t, saying(img, "all of it"))
	var got bytes.Buffer
	if n, err := c.Download(t.Context(), img, 0, &got); err != nil || n != 9 || got.String() != "all of it" {
		t.Errorf("%d, %q, %v", n, got.String(), err)
	}
}

func TestDownloadGivesUpWhenNothingComes(t *testing.T) {
	t.Parallel()
	img := &meta.Image{ID: someID, Name: "x", Architecture: "i386", Status: meta.Available, Size: 10, Checksum: md5Of("0123456789")}
	c, front := serve(t, cutting(saying(img, "0123456789"), 4, true))
	err := within(t, bound, "giving up", func() error {
		_, err := c.Download(t.Context(), img, 0, io.Discard)
		return err
	})
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "byte 4 of 10") {
		t.Error(err)
	}
	if tries := front.count(http.MethodGet); tries != 13 {
		t.Errorf("%d bodies, want 1 and 12 without anything new", tries)
	}
}

func TestDownloadReturnsTheErrorOfItsWriter(t *testing.T) {
	c, front := embedded(t)
	img := post(t, c, fields("big"), randomText(1<<20))
	front.seen()
	full := errors.New("disk full")
	n, err := c.Download(t.Context(), img, 0, &smallDisk{room: 200_000, err: full})
	if n != 200_000 || !errors.Is(err, full) {
		t.Errorf("%d, %v", n, err)
	}
	if asked := front.seen(); len(asked) != 1 {
		t.Errorf("%d requests, want 1", len(asked))
	}
}

type smallDisk struct {
	room int
	err  error
}

func (d *smallDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	if n < len(p) {
		return n, d.err
	}
	return n, nil
}

func TestDownloadEndsWithItsContext(t *testing.T) {
	server := vis(t, visserver.Options{})
	c, front := serve(t, server)
	img := post(t, c, fields("small"), "0123456789")
	ctx, cancel := context.WithCancel(t.Context())
	front.fail(func(w http.ResponseWriter, r *http.Request) {
		saying(img, "0123")(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	err := within(t, bound, "the download", func() error {
		n, err := c.Download(ctx, img, 0, writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil }))
		if n != 4 {
			t.Errorf("%d bytes, want 4", n)
		}
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestDownloadGoesOnAfterASilentServer(t *testing.T) {
	server := vis(t, visserver.Options{})
	c, front := serve(t, server, patience(time.Second))
	img := post(t, c, fields("small"), "0123456789")
	front.fail(func(w http.ResponseWriter, r *http.Request) {
		saying(img, "0123")(w, r)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	var got bytes.Buffer
	if n, err := c.Download(t.Context(), img, 0, &got); err != nil || n != 10 || got.String() != "0123456789" {
		t.Errorf("%d, %q, %v", n, got.String(), err)
	}
}
