//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// worker does what comes to its mind with one file, and knows what must be in it.
type worker struct {
	rng  *rand.Rand
	path string
	note string
	data []byte // nil while the file does not exist
}

func (w *worker) step() error {
	switch w.rng.IntN(5) {
	case 0, 1:
		return w.write()
	case 2:
		return w.read()
	case 3:
		return w.label()
	default:
		return w.remove()
	}
}

func (w *worker) write() error {
	fresh := w.data == nil
	w.data = random(w.rng.Uint64(), 1+w.rng.IntN(600_000))
	if fresh {
		w.note = ""
	}
	return os.WriteFile(w.path, w.data, 0o644)
}

func (w *worker) read() error {
	got, err := os.ReadFile(w.path)
	switch {
	case w.data == nil && errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !bytes.Equal(got, w.data):
		return fmt.Errorf("%d bytes that are not the %d that were written", len(got), len(w.data))
	}
	return nil
}

func (w *worker) label() error {
	if w.data == nil {
		return nil
	}
	w.note = fmt.Sprint(w.rng.Uint64())
	return setxattr(w.path, "user.visor.note", w.note)
}

func (w *worker) remove() error {
	err := os.Remove(w.path)
	if w.data == nil && errors.Is(err, os.ErrNotExist) {
		return nil
	}
	w.data = nil
	return err
}

func TestManyProgramsAtOnceGetWhatTheyWrote(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--memory", "2MiB", "--metadata-ttl", "100ms")
	seed := uint64(time.Now().UnixNano())
	workers := make([]*worker, 6)
	var all sync.WaitGroup
	for i := range workers {
		w := &worker{rng: rand.New(rand.NewPCG(seed, uint64(i))), path: m.path(fmt.Sprintf("%d.img", i))}
		workers[i] = w
		all.Go(func() {
			for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
				if err := w.step(); err != nil {
					t.Errorf("seed %d: %s: %v", seed, w.path, err)
					return
				}
			}
		})
	}
	all.Go(func() {
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); {
			entries, err := os.ReadDir(m.dir)
			if err != nil {
				t.Errorf("seed %d: ls: %v", seed, err)
				return
			}
			for _, entry := range entries {
				if strings.Contains(entry.Name(), "~") {
					t.Errorf("seed %d: ls shows an image beside the one it replaces: %v", seed, entries)
					return
				}
			}
		}
	})
	all.Wait()
	left := 0
	for i, w := range workers {
		if w.data == nil {
			continue
		}
		left++
		if img := s.wantStored(fmt.Sprintf("%d.img", i), w.data); img.text("note") != w.note {
			t.Errorf("seed %d: note of %d is %q, want %q", seed, i, img.text("note"), w.note)
		}
	}
	if n := len(s.images()); n != left {
		t.Errorf("seed %d: %d images are on the server, want %d", seed, n, left)
	}
}

// Of two who copy to one name at once, whoever is told that it worked must have worked.
func TestTwoCopiesToOneNameAreNeverMixed(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog(`level=(WARN|ERROR) .*path=/a.img`)
	data := [2][]byte{random(220, 6<<20), random(221, 6<<20)}
	sources := [2]string{newFile(t, "a.img", data[0]), newFile(t, "a.img", data[1])}
	for round := range 10 {
		var results [2]result
		var all sync.WaitGroup
		for i := range sources {
			all.Go(func() { results[i] = try(t, "cp", sources[i], m.path("a.img")) })
		}
		all.Wait()
		for _, img := range s.images() {
			if img.text("status") != "available" {
				continue
			}
			_, _, stored := s.do(request{method: "GET", path: "/images/" + img.text("_id")})
			first, second := bytes.Equal(stored, data[0]), bytes.Equal(stored, data[1])
			if !first && !second {
				t.Errorf("round %d: the image is neither of the two files (%d bytes); cp said %v", round, len(stored), results)
			}
			if first && results[0].code != 0 && results[1].code == 0 || second && results[1].code != 0 && results[0].code == 0 {
				t.Errorf("round %d: the image is of the cp that failed: %v", round, results)
			}
		}
		if n := len(s.images()); n > 1 {
			t.Errorf("round %d: %d images of the name are on the server", round, n)
		}
		_ = syscall.Unlink(m.path("a.img"))
	}
}

func TestNothingLeaksWithManyOpens(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := random(222, 300_000)
	s.post("a.img", data, nil)
	count := func() int {
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", m.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		return len(fds)
	}
	wantContent(t, m.path("a.img"), data)
	before := count()
	for i := range 100 {
		wantContent(t, m.path("a.img"), data)
		if err := os.WriteFile(m.path(fmt.Sprintf("%d.img", i%3)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if after := count(); after > before+20 {
		t.Errorf("%d descriptors were open, %d are", before, after)
	}
}
