package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
)

func TestAddStoresAFileAndPrintsItsID(t *testing.T) {
	r := newRepository(t)
	data := strings.Repeat("data ", 100_000)
	file := writeFile(t, "debian-12-i386.iso", data)
	img := r.head(r.ok("add", file, "type=machine", "colour=red"))
	if img.Name != file || img.Format != "iso" || img.Architecture != "i386" || img.Type != "machine" || img.Other["colour"] != "red" {
		t.Errorf("%+v", img)
	}
	if img.Status != meta.Available || img.Size != int64(len(data)) || img.Checksum != sumOf(data) {
		t.Errorf("%+v", img)
	}
}

func TestAddGuessesAsTheMountDoes(t *testing.T) {
	for _, test := range []struct {
		file, name string // of what is given
		want       meta.Fields
	}{
		{"/tmp/debian-amd64.iso", "", meta.Fields{"name": "debian-amd64.iso", "architecture": "x86_64", "format": "iso"}},
		{"a-i686.VMDK", "", meta.Fields{"name": "a-i686.VMDK", "architecture": "i386", "format": "vmdk"}},
		{"disk.img", "", meta.Fields{"name": "disk.img", "architecture": "x86_64"}},
		{"a-i686.iso", "Debian 12", meta.Fields{"name": "Debian 12", "architecture": "i386", "format": "iso"}},
		{"a-i686.iso", "amd64.vdi", meta.Fields{"name": "amd64.vdi", "architecture": "x86_64", "format": "vdi"}},
		{"-", "x.iso", meta.Fields{"name": "x.iso", "architecture": "x86_64", "format": "iso"}},
		{"", "x-x86.iso", meta.Fields{"name": "x-x86.iso", "architecture": "i386", "format": "iso"}},
	} {
		given := meta.Fields{}
		if test.name != "" {
			given["name"] = test.name
		}
		got := withDefaults(given, test.file)
		if len(got) != len(test.want) {
			t.Errorf("%q %q: %v", test.file, test.name, got)
		}
		for name, want := range test.want {
			if got[name] != want {
				t.Errorf("%q %q: %s is %q, want %q", test.file, test.name, name, got[name], want)
			}
		}
	}
}

// breakOff ends the first upload after a part of it.
func breakOff(next http.Handler) http.HandlerFunc {
	var broke atomic.Bool
	return func(w http.ResponseWriter, req *http.Request) {
		if req.Method == http.MethodGet || req.Method == http.MethodHead || broke.Swap(true) {
			next.ServeHTTP(w, req)
			return
		}
		_, _ = io.CopyN(io.Discard, req.Body, 600_000)
		panic(http.ErrAbortHandler)
	}
}

func TestUploadOfAFileThatBreaksIsSentAgain(t *testing.T) {
	r := newRepository(t)
	data := randomData(2 << 20)
	file := writeFile(t, "a.iso", data)
	r.answerWith(breakOff)
	if img := r.head(r.ok("add", file)); img.Checksum != sumOf(data) {
		t.Errorf("add: %+v", img)
	}
	id := strings.TrimSpace(r.ok("add", "name=b.iso", "architecture=i386"))
	r.answerWith(breakOff)
	r.ok("update", "--file", file, id)
	if img := r.head(id); img.Checksum != sumOf(data) {
		t.Errorf("update: %+v", img)
	}
}

func TestUploadOfAStreamThatBreaksFails(t *testing.T) {
	r := newRepository(t)
	r.answerWith(breakOff)
	o := r.imageWith(t.Context(), strings.NewReader(randomData(2<<20)), "add", "-", "name=piped.iso")
	if images, err := r.client.GetImages(t.Context(), nil); o.err == nil || err != nil || len(images) != 0 {
		t.Errorf("%v; stored: %v, %v", o.err, images, err)
	}
}

func TestAddReadsStandardInput(t *testing.T) {
	r := newRepository(t)
	o := r.imageWith(t.Context(), strings.NewReader("from a pipe"), "add", "-", "name=piped.iso", "--json")
	if o.err != nil {
		t.Fatal(o.err)
	}
	if img := imageFromJSON(t, o.out); img.Name != "piped.iso" || img.Size != 11 || img.Format != "iso" {
		t.Errorf("%+v", img)
	}
	r.refuses(exitUsage, "required: name", "add", "-")
}

func TestAddRegistersAttributesAlone(t *testing.T) {
	r := newRepository(t)
	if img := r.head(r.ok("add", "name=x", "architecture=i386")); img.Status != meta.Locked || img.Architecture != "i386" {
		t.Errorf("%+v", img)
	}
}

func TestAddRefusesBeforeItAsksTheServer(t *testing.T) {
	r := newRepository(t)
	file := writeFile(t, "a.iso", "data")
	for _, test := range []struct {
		want string
		args []string
	}{
		{"KEY=VALUE", []string{file, "colour"}},
		{"KEY=VALUE", []string{file, "Colour=red"}},
		{"KEY=VALUE", []string{file, "=red"}},
		{"twice", []string{file, "a=1", "a=2"}},
		{"only the server", []string{file, "size=3"}},
		{"only the server", []string{file, "_id=3"}},
		{"Invalid architecture 'sparc'", []string{file, "architecture=sparc"}},
		{"Invalid format", []string{file, "format=qcow2"}},
		{"blanks", []string{file, "colour= red"}},
		{"required: name", []string{"architecture=i386"}},
		{"location", []string{file, "location=http://other/a.iso"}},
		{"FILE is empty", []string{""}},
	} {
		r.refuses(exitUsage, test.want, append([]string{"add"}, test.args...)...)
	}
	if len(r.requests) != 0 {
		t.Errorf("%d requests were sent", len(r.requests))
	}
}

func TestAddTakesAFileNameWithAnEqualsSign(t *testing.T) {
	r := newRepository(t)
	writeFile(t, "a=b.iso", "data")
	if img := r.head(r.ok("add", "./a=b.iso")); img.Name != "a=b.iso" {
		t.Errorf("%+v", img)
	}
}

func TestAddStoresNothingEmptyOrUnreadable(t *testing.T) {
	r := newRepository(t)
	r.refuses(exitFailure, "is empty", "add", writeFile(t, "empty.iso", ""))
	r.refuses(exitFailure, "is empty", "add", "-", "name=x")
	r.refuses(exitFailure, "missing.iso", "add", "missing.iso")
	r.refuses(exitFailure, "directory", "add", t.TempDir())
	broken := io.MultiReader(strings.NewReader("some"), failing{errors.New("pulled out")})
	if o := r.imageWith(t.Context(), broken, "add", "-", "name=x"); o.code() != exitFailure || !strings.Contains(o.err.Error(), "pulled out") {
		t.Error(o.err)
	}
	if o := r.image("list"); o.out != "" {
		t.Errorf("there are images now: %s", o.out)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAddCanBeInterrupted(t *testing.T) {
	r := newRepository(t)
	for _, first := range []string{"", "some data"} {
		in, feed := io.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- r.imageWith(ctx, in, "add", "-", "name=x").err }()
		if first != "" {
			if _, err := io.Copy(feed, bytes.NewReader([]byte(first))); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(100 * time.Millisecond)
		cancel()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Errorf("after %q: %v", first, err)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("after %q: it does not end", first)
		}
		_ = feed.Close()
	}
	if o := r.image("list"); o.out != "" {
		t.Errorf("there are images now: %s", o.out)
	}
}
