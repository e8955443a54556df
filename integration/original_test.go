//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// likeOriginal makes "visorfs serve" play the server of 2012.
const likeOriginal = "--like-original"

// settleTime is how long the original may take to show the end of an image: 2.4 s
// after its copy, until the garbage collection.
const settleTime = 10 * time.Second

// servers are those that promises are kept with: this project's own, and the original.
var servers = map[string][]string{"own server": nil, "original server": {likeOriginal}}

// withBothServers runs a test against either, with an empty repository.
func withBothServers(t *testing.T, test func(t *testing.T, s *server)) {
	t.Helper()
	t.Parallel()
	for name, args := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, startServer(t, args...))
		})
	}
}

// mountedOriginal starts a server that plays the original, and mounts it.
func mountedOriginal(t *testing.T, args ...string) (*server, *mount) {
	t.Helper()
	s := startServer(t, likeOriginal)
	return s, startMount(t, s.url, args...)
}

// countedOriginal likewise mounts it through a proxy, with a listing that stays fresh.
func countedOriginal(t *testing.T, args ...string) (*server, *proxy, *mount) {
	t.Helper()
	s := startServer(t, likeOriginal)
	p := startProxy(t, s)
	return s, p, startMount(t, p.url, append([]string{"--metadata-ttl", "1h"}, args...)...)
}

// file is where a server keeps the data of an image.
func (img image) file() string { return strings.TrimPrefix(img.text("location"), "file://") }

// wantSettled demands that a server's record of an image and, once the server has had
// its time, its file are those of the data. Unlike wantStored it leaves the transfer to
// the code under test.
func (s *server) wantSettled(name string, want []byte) image {
	s.t.Helper()
	img := s.only(name)
	if img.text("status") != "available" || img["size"] != float64(len(want)) {
		s.t.Errorf("%s is %q with %v bytes on the server, want available with %d", name, img.text("status"), img["size"], len(want))
	}
	if !s.settles(img.file(), want) {
		s.t.Errorf("%s: the file in the server's store does not become what was written", name)
	}
	return img
}

func (s *server) settles(path string, want []byte) bool {
	for deadline := time.Now().Add(settleTime); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if info, err := os.Stat(path); err == nil && info.Size() == int64(len(want)) {
			got, err := os.ReadFile(path)
			return err == nil && bytes.Equal(got, want)
		}
	}
	return false
}

// postSettled registers an image behind the back of the mounts, and waits until the
// server shows all of it.
func (s *server) postSettled(name string, data []byte, extra map[string]string) (id string) {
	s.t.Helper()
	id = s.post(name, data, extra)
	s.wantSettled(name, data)
	return id
}

// wantNoFiles demands that a server's store has no file of an image.
func (s *server) wantNoFiles() {
	s.t.Helper()
	for _, dir := range []string{"images", "store"} { // own, original
		left, err := os.ReadDir(s.data + "/" + dir)
		if err != nil && !os.IsNotExist(err) {
			s.t.Error(err)
		}
		for _, file := range left {
			s.t.Errorf("the server still has the file %s/%s", dir, file.Name())
		}
	}
}

// image runs "visorfs image" and a command of it, which must succeed, and returns its output.
func (s *server) image(t *testing.T, args ...string) string {
	t.Helper()
	r := s.tryImage(t, args...)
	if r.code != 0 {
		t.Fatalf("visorfs image %s: exit code %d: %s%s", strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// tryImage likewise runs a command that may fail.
func (s *server) tryImage(t *testing.T, args ...string) result {
	t.Helper()
	return imageCommand(t, s.url, args...)
}

func imageCommand(t *testing.T, url string, args ...string) result {
	t.Helper()
	begin := time.Now()
	r := invoke(t, launch{dir: t.TempDir()}, append([]string{"image", "--url", url}, args...)...)
	r.took = time.Since(begin)
	if strings.Contains(r.stderr, "DATA RACE") || strings.Contains(r.stderr, "goroutine ") {
		t.Errorf("visorfs image %s: %s", strings.Join(args, " "), r.stderr)
	}
	return r
}

// wantFast demands that something came at once, not when a timeout was over.
func wantFast(t *testing.T, what string, took time.Duration) {
	t.Helper()
	if most := 10 * time.Second; took > most { // the timeout is 30 s; the race detector and other tests are slow too
		t.Errorf("%s took %v, want less than %v", what, took, most)
	}
}

// atOnce does something with several things at the same time, and reports each that
// fails: waiting for the original is no work.
func atOnce[T any](t *testing.T, things []T, do func(T) error) {
	t.Helper()
	var all sync.WaitGroup
	for _, thing := range things {
		all.Go(func() {
			if err := do(thing); err != nil {
				t.Errorf("%v: %v", thing, err)
			}
		})
	}
	all.Wait()
}

// writeAndReadBack copies data in, and reads them back at once.
func writeAndReadBack(path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	return compare(path, data)
}

// compare reads a file, which must hold these bytes.
func compare(path string, want []byte) error {
	got, err := os.ReadFile(path)
	if err == nil && !bytes.Equal(got, want) {
		err = fmt.Errorf("%s reads as %d bytes that are not the %d that were written", path, len(got), len(want))
	}
	return err
}

// numbered names the files of a test.
func numbered(i int) string { return fmt.Sprintf("%03d.img", i) }
