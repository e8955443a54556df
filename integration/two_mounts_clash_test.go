//go:build linux

package integration

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// clash is what two mounts do to the same paths at once, of which neither knows what the
// other does.
type clash struct {
	before []string // files that there are
	do     [2]func(dir string, data []byte) error
	least  int // files that are left, at least
	most   int
}

func writes(name string) func(string, []byte) error {
	return func(dir string, data []byte) error { return os.WriteFile(path.Join(dir, name), data, 0o644) }
}

// writesBeside replaces a file as rsync does.
func writesBeside(name string) func(string, []byte) error {
	return func(dir string, data []byte) error {
		beside := path.Join(dir, fmt.Sprintf(".%s.%d", name, len(data)))
		if err := os.WriteFile(beside, data, 0o600); err != nil {
			return err
		}
		err := unix.Rename(beside, path.Join(dir, name))
		if err != nil {
			err = errors.Join(err, os.Remove(beside))
		}
		return err
	}
}

func removes(name string) func(string, []byte) error {
	return func(dir string, _ []byte) error { return os.Remove(path.Join(dir, name)) }
}

func renames(from, to string) func(string, []byte) error {
	return func(dir string, _ []byte) error { return unix.Rename(path.Join(dir, from), path.Join(dir, to)) }
}

func appends(name string) func(string, []byte) error {
	return func(dir string, data []byte) error { return appendTo(path.Join(dir, name), data) }
}

type doing = [2]func(string, []byte) error

var clashes = map[string]clash{
	"both create":                {nil, doing{writes("a.img"), writes("a.img")}, 1, 2},
	"both replace":               {[]string{"a.img"}, doing{writes("a.img"), writes("a.img")}, 1, 2},
	"both replace as rsync does": {[]string{"a.img"}, doing{writesBeside("a.img"), writesBeside("a.img")}, 1, 2},
	"one replaces as rsync does": {[]string{"a.img"}, doing{writes("a.img"), writesBeside("a.img")}, 1, 2},
	"both append":                {[]string{"a.img"}, doing{appends("a.img"), appends("a.img")}, 1, 2},
	"one replaces, one removes":  {[]string{"a.img"}, doing{writes("a.img"), removes("a.img")}, 0, 1},
	"both remove":                {[]string{"a.img"}, doing{removes("a.img"), removes("a.img")}, 0, 0},
	"one renames, one removes":   {[]string{"a.img"}, doing{renames("a.img", "b.img"), removes("a.img")}, 0, 1},
	"one renames, one replaces":  {[]string{"a.img"}, doing{renames("a.img", "b.img"), writes("a.img")}, 1, 2},
	"both rename":                {[]string{"a.img"}, doing{renames("a.img", "b.img"), renames("a.img", "c.img")}, 1, 1},
	"both rename over one":       {[]string{"a.img", "b.img", "c.img"}, doing{renames("a.img", "c.img"), renames("b.img", "c.img")}, 1, 2},
	"they swap":                  {[]string{"a.img", "b.img"}, doing{renames("a.img", "b.img"), renames("b.img", "a.img")}, 0, 2},
}

// Whatever two mounts do to one path at the same moment, each either works or fails with a
// reason, no file becomes a mix, and when the time to live is over both show the same.
func TestTwoMountsThatChangeOnePathAtOnceAgreeInTheEnd(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		rounds, _ := number(t, "VISORFS_PROGRAMS", 2)
		var mounts [2]*mount
		for i := range mounts {
			mounts[i] = startMount(t, s.url, "--metadata-ttl", metadataTTL.String())
			mounts[i].allowLog(`level=(WARN|ERROR) .*errno="(stale|no such file|file exists|device or resource busy)`)
			mounts[i].allowLog(`the server's reply contradicts`) // the original's, when two rename an image
		}
		for round := range rounds {
			var all sync.WaitGroup
			for name, c := range clashes {
				all.Go(func() {
					dir := fmt.Sprintf("%s-%d", strings.ReplaceAll(name, " ", "-"), round)
					if err := c.run(s, mounts, dir); err != nil {
						t.Errorf("%s: %v", name, err)
					}
				})
			}
			all.Wait()
		}
	})
}

// run makes a clash in a directory of its own.
func (c clash) run(s *server, mounts [2]*mount, dir string) error {
	ours := [2]string{mounts[0].path(dir), mounts[1].path(dir)}
	contents := make([][]byte, len(c.before))
	if err := os.Mkdir(ours[0], 0o755); err != nil {
		return err
	}
	for i, name := range c.before {
		contents[i] = random(uint64(300+i), 20_000+i)
		if err := os.WriteFile(path.Join(ours[0], name), contents[i], 0o644); err != nil {
			return err
		}
	}
	if err := os.Mkdir(ours[1], 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	if err := soon(func() error { return c.knows(ours[1]) }); err != nil {
		return err
	}
	var errs [2]error
	var both sync.WaitGroup
	data := [2][]byte{random(310, 30_000), random(311, 30_001)}
	for _, before := range contents[:len(c.before)] { // and what appends make of it, one, or one after the other
		for i := range data {
			one := append(slices.Clip(before), data[i]...)
			contents = append(contents, one, append(slices.Clip(one), data[1-i]...))
		}
	}
	contents = append(contents, data[0], data[1])
	for i, do := range c.do {
		both.Go(func() { errs[i] = do(ours[i], data[i]) })
	}
	both.Wait()
	ended := time.Now()
	for i, err := range errs {
		switch errnoOf(err) {
		case 0, syscall.ENOENT, syscall.ESTALE, syscall.EBUSY, syscall.EEXIST, syscall.EIO: // the log tells whether EIO was right
		default:
			return fmt.Errorf("mount %d: %w", i, err)
		}
	}
	time.Sleep(time.Until(ended.Add(metadataTTL + slack)))
	return c.agreed(s, ours, dir, contents, errs)
}

// knows tells whether a mount shows what there is before.
func (c clash) knows(dir string) error {
	for _, name := range c.before {
		if _, err := os.Stat(path.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// agreed demands that two mounts show what the server has, and that this is what can have
// come out of a clash.
func (c clash) agreed(s *server, dirs [2]string, dir string, contents [][]byte, errs [2]error) error {
	var shown [2]map[string]string // what is of each name
	for i := range dirs {
		var err error
		if shown[i], err = readEach(dirs[i], contents); err != nil {
			return fmt.Errorf("mount %d, after %v: %w", i, errs, err)
		}
	}
	if !maps.Equal(shown[0], shown[1]) {
		return fmt.Errorf("after %v: one mount shows %v, the other %v", errs, shown[0], shown[1])
	}
	var stored []image
	for _, img := range s.images() {
		if strings.HasPrefix(img.text("name"), dir+"/") {
			stored = append(stored, img)
		}
	}
	if n := len(shown[0]); n != len(stored) || n < c.least || n > c.most {
		return fmt.Errorf("after %v: the mounts show %v, want %d to %d files; the server has %v", errs, shown[0], c.least, c.most, stored)
	}
	return nil
}

// readEach reads the files of a directory, each of which must be one of these contents.
func readEach(dir string, contents [][]byte) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	found := make(map[string]string)
	for _, entry := range entries {
		data, err := os.ReadFile(path.Join(dir, entry.Name()))
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(contents, func(want []byte) bool { return bytes.Equal(data, want) })
		if i < 0 {
			return nil, fmt.Errorf("%s has %d bytes that nobody wrote so", entry.Name(), len(data))
		}
		found[entry.Name()] = fmt.Sprintf("content %d of %d bytes", i, len(data))
	}
	return found, nil
}
