//go:build linux

package integration

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// cell is one use of a tool on a mount: what is there before it, what it does, and what
// has to be there when it has ended. The tests TestMatrix… run tables of them with both
// servers, each on a server and a mount of its own.
type cell struct {
	tool   string
	stored tree     // images on the server before the mount
	local  tree     // files in the local directory
	args   []string // of the mount
	script string   // for sh, in the local directory; $mnt is the mount
	run    func(t *testing.T, e *env)
	want   tree // images at the end, all of them

	// A file that was emptied, or that a loop device or a mapping held after the last
	// close, is stored a moment after the tool has ended.
	late bool
}

// env is what a cell works with.
type env struct {
	*server
	mount *mount
	spool string
	local string
	ids   map[string]string // of the images that were stored before, by name
}

// atATime is how many cells of a table run at once. They mostly wait for the original
// server to settle.
const atATime = 4

// runMatrix runs a table of cells.
func runMatrix(t *testing.T, cells []cell) {
	t.Helper()
	t.Parallel()
	var all sync.WaitGroup
	free := make(chan struct{}, atATime)
	for _, c := range cells {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			t.Run(c.tool, c.test)
		})
	}
	all.Wait()
}

func (c cell) test(t *testing.T) {
	for name, args := range servers {
		t.Run(name, func(t *testing.T) {
			e := newEnv(t, args, c)
			if c.script != "" {
				e.sh(t, c.script)
			}
			if c.run != nil {
				c.run(t, e)
			}
			e.settled(t, c.want, c.late)
		})
	}
}

// newEnv starts a server and a mount, and makes what a cell finds there.
func newEnv(t *testing.T, serverArgs []string, c cell) *env {
	t.Helper()
	e := &env{server: startServer(t, serverArgs...), local: t.TempDir(), spool: newSpool(t), ids: make(map[string]string)}
	for name, f := range c.stored {
		e.ids[name] = e.postSettled(name, f.data, f.fields(name))
	}
	c.local.write(t, e.local)
	e.mount = startMount(t, e.url, append(spoolFlags(e.spool), c.args...)...)
	return e
}

// sh runs a script that must succeed.
func (e *env) sh(t *testing.T, script string) {
	t.Helper()
	tool(t, "sh", "-ec", `mnt=$1; cd "$2"; umask 022; `+script, "sh", e.mount.dir, e.local)
}

// tree is files by their paths.
type tree map[string]file

// file is a local file, or an image as it has to be.
type file struct {
	data    []byte    // empty for an image without data
	mtime   time.Time // zero when it does not matter
	private bool      // for its owner alone
	note    string    // attribute user.visor.note; "" when it does not matter
	format  string    // default by the name
	was     string    // name that the image had before: a copy of it would have another id

	// judge decides instead of data, where a tool makes bytes of its own. It gets a
	// copy of what the server has.
	judge func(t *testing.T, e *env, path string)
}

// stamp is the time of files whose time a tool has to keep.
var stamp = time.Date(2012, 3, 4, 5, 6, 7, 0, time.UTC)

// formats are those of VIS that the names of the matrix have.
var formats = map[string]string{".iso": "iso", ".vdi": "vdi", ".vmdk": "vmdk", ".vhd": "vhd"}

func (f file) wantFormat(name string) string {
	if f.format != "" {
		return f.format
	}
	return formats[filepath.Ext(name)]
}

func (f file) access() string {
	if f.private {
		return "private"
	}
	return "public"
}

func (f file) mode() os.FileMode {
	if f.private {
		return 0o600
	}
	return 0o644
}

// fields are the attributes to register an image with, as a mount would.
func (f file) fields(name string) map[string]string {
	fields := map[string]string{"access": f.access(), "store": "file"}
	if format := f.wantFormat(name); format != "" {
		fields["format"] = format
	}
	if !f.mtime.IsZero() {
		fields["mtime"] = f.mtime.Format(time.RFC3339Nano)
	}
	if f.note != "" {
		fields["note"] = f.note
	}
	return fields
}

// write makes the files of a tree below a directory.
func (files tree) write(t *testing.T, dir string) {
	t.Helper()
	for name, f := range files {
		path := filepath.Join(dir, name)
		if err := f.write(path); err != nil {
			t.Fatal(err)
		}
	}
}

func (f file) write(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, f.data, f.mode()); err != nil {
		return err
	}
	if f.note != "" {
		if err := setxattr(path, "user.visor.note", f.note); err != nil {
			return err
		}
	}
	if f.mtime.IsZero() {
		return nil
	}
	return os.Chtimes(path, f.mtime, f.mtime)
}

// under returns the same files below another directory.
func (files tree) under(dir string) tree {
	moved := make(tree, len(files))
	for name, f := range files {
		moved[filepath.Join(dir, name)] = f
	}
	return moved
}

// movedFrom returns the same files, which images of another directory have become.
func (files tree) movedFrom(dir string) tree {
	same := make(tree, len(files))
	for name, f := range files {
		f.was = filepath.Join(dir, name)
		same[name] = f
	}
	return same
}

// and returns the files of both trees.
func (files tree) and(more tree) tree {
	both := make(tree, len(files)+len(more))
	for _, part := range []tree{files, more} {
		for name, f := range part {
			both[name] = f
		}
	}
	return both
}

// dated returns files of a kind that tools keep as they are: with times, directories,
// and one that is private.
func dated(seed uint64) tree {
	return tree{
		"a.iso":       {data: random(seed, 512<<10), mtime: stamp},
		"deb/b.qcow2": {data: random(seed+1, 256<<10), mtime: stamp.Add(time.Hour), private: true},
		"deb/12/c":    {data: random(seed+2, 64<<10), mtime: stamp.Add(-time.Hour)},
	}
}

// undated returns files whose times do not matter.
func undated(seed uint64) tree {
	files := dated(seed)
	for name, f := range files {
		f.mtime = time.Time{}
		files[name] = f
	}
	return files
}
