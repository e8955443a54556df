//go:build linux

package integration

import (
	"errors"
	"fmt"
	iofs "io/fs"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// casesPerUploader keeps those that wait for a server in vain within a program's lifeTime.
const casesPerUploader = 10

// VISORFS_SEED and VISORFS_PROGRAMS are for these as for write programs: 120 seeds in a
// row are all combinations.
func TestUploadIsDoneOrNotWhateverHappens(t *testing.T) {
	t.Parallel()
	for name, args := range servers {
		for batch := range slices.Chunk(seeds(t, 40), casesPerUploader) {
			t.Run(fmt.Sprint(name, " from seed ", batch[0]), func(t *testing.T) {
				t.Parallel()
				u := newUploader(t, startServer(t, args...))
				for _, seed := range batch {
					c := newUploadCase(seed)
					if err := u.run(c); err != nil {
						t.Errorf("%v: %v", c, err)
					}
				}
			})
		}
	}
}

// uploader writes files through a proxy.
type uploader struct {
	t     *testing.T
	s     *server
	proxy *proxy
	mount *mount
	spool string
	runs  int
}

func newUploader(t *testing.T, s *server) *uploader {
	t.Helper()
	u := &uploader{t: t, s: s, proxy: startProxy(t, s), spool: t.TempDir()}
	args := []string{"--timeout", patience.String(), "--metadata-ttl", "100ms"}
	u.mount = startMount(t, u.proxy.url, append(args, spoolFlags(u.spool)...)...)
	u.mount.allowLog(`level=(WARN|ERROR)`)
	return u
}

// run writes one file, and looks what became of it.
func (u *uploader) run(c *uploadCase) error {
	u.runs++
	name := fmt.Sprintf("%d.img", u.runs)
	before, err := u.prepare(name, c)
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	kept := u.lostAndFound()
	u.proxy.setFault(c.fault())
	w := u.write(name, c)
	u.proxy.setFault(nil)
	if err := w.opened; err != nil {
		return fmt.Errorf("open: %w", err)
	}
	if w.failed != nil && !w.synced {
		u.t.Logf("%v: %v", c, w.failed)
		if mustWork[c.mishap] {
			return w.failed
		}
		return errors.Join(u.isAsBefore(name, c, before), u.keepsWhatWasWritten(w.done, kept))
	}
	want := c.result(w.done)
	if err := holds(u.s.images(), name, len(want), md5Hex(want)); err != nil {
		return err
	}
	return compare(u.mount.path(name), want)
}

// prepare makes the file as it is before, and returns its image.
func (u *uploader) prepare(name string, c *uploadCase) (image, error) {
	if c.old == nil {
		return nil, nil
	}
	if err := os.WriteFile(u.mount.path(name), c.old, 0o644); err != nil {
		return nil, err
	}
	return u.s.only(name), nil
}

// writing is how the writing of a file went.
type writing struct {
	opened error
	done   []extent // what was taken without an error
	synced bool
	failed error // of any call but open
}

func (u *uploader) write(name string, c *uploadCase) (w writing) {
	f, err := os.OpenFile(u.mount.path(name), c.flags, 0o644)
	if err != nil {
		w.opened = err
		return w
	}
	replaced := func() {}
	defer func() { replaced() }()
	for i, e := range c.writes {
		if i == len(c.writes)/2 && c.mishap == serverIsReplaced {
			replaced = u.replaceServer()
		}
		if _, w.failed = f.WriteAt(e.data, int64(e.off)); w.failed != nil {
			break
		}
		w.done = append(w.done, e)
	}
	if c.sync && w.failed == nil {
		w.failed = f.Sync()
		w.synced = w.failed == nil
	}
	if err := f.Close(); w.failed == nil || err == nil { // of a partly written file close decides
		w.failed = err
	}
	return w
}

// replaceServer kills the server, and has another on its data in a moment, for which wait
// waits.
func (u *uploader) replaceServer() (wait func()) {
	u.s.signal(syscall.SIGKILL)
	<-u.s.ended
	var start sync.WaitGroup
	start.Go(func() {
		time.Sleep(100 * time.Millisecond)
		u.s.restart()
	})
	return start.Wait
}

// isAsBefore tells whether a write that failed has changed nothing.
func (u *uploader) isAsBefore(name string, c *uploadCase, before image) error {
	if err := soon(func() error { return u.serverIsAsBefore(name, c, before) }); err != nil {
		return err
	}
	if c.old == nil {
		return soon(func() error {
			if _, err := os.Stat(u.mount.path(name)); !errors.Is(err, iofs.ErrNotExist) {
				return fmt.Errorf("the mount still has the file: %v", err)
			}
			return nil
		})
	}
	return soon(func() error { return compare(u.mount.path(name), c.old) })
}

func (u *uploader) serverIsAsBefore(name string, c *uploadCase, before image) error {
	list := u.s.images()
	if c.old == nil {
		for _, img := range list {
			if img.text("name") == name {
				return fmt.Errorf("close failed, and the server has %v", img)
			}
		}
		return nil
	}
	if err := holds(list, name, len(c.old), md5Hex(c.old)); err != nil {
		return fmt.Errorf("close failed, and the old image is not what it was: %w", err)
	}
	if img := u.s.only(name); img.text("_id") != before.text("_id") {
		return fmt.Errorf("close failed, and the old image was replaced by %v", img)
	}
	return nil
}
