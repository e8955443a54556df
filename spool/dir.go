package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/visorfs/visorfs/internal/owner"
)

// Options of a Dir. Of fields without another default the zero value is one.
type Options struct {
	Dir      string       // required; is made if it isn't there
	MaxBytes int64        // bound on this process's files and lost+found; default what is free, less 5 % or 1 GiB
	Logger   *slog.Logger // default slog.Default()
}

// Dir is a directory in which files are spooled. Its methods, and those of its files, may
// be called at once from many goroutines.
type Dir struct {
	path     string
	lostPath string
	log      *slog.Logger
	max      int64
	noHoles  bool // as if the filesystem could not punch them

	reads     atomic.Int64 // counts reads, and so tells which is later
	evicting  sync.Mutex   // held while room is made
	evictions atomic.Int64 // counted with evicting held
	telling   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	files  map[*File]struct{} // open
	kept   map[*File]func()   // those of files that may go, and who is told then
	used   int64              // bytes of files, and those promised to writes
	lost   int64              // bytes of lost+found when it was last looked at
}

// Open makes a directory a spool, or uses it beside other processes. What killed ones left
// behind is moved to lost+found.
func Open(o Options) (*Dir, error) {
	d := &Dir{
		path:     o.Dir,
		lostPath: filepath.Join(o.Dir, lostAndFound),
		log:      o.Logger,
		max:      o.MaxBytes,
		files:    make(map[*File]struct{}),
		kept:     make(map[*File]func()),
	}
	if d.log == nil {
		d.log = slog.Default()
	}
	if err := d.open(); err != nil {
		return nil, fmt.Errorf("spool %s: %w", o.Dir, err)
	}
	return d, nil
}

func (d *Dir) open() error {
	for _, dir := range []string{d.path, d.lostPath} {
		if err := claim(dir); err != nil {
			return err
		}
	}
	if err := d.rescue(); err != nil {
		return err
	}
	if err := d.countLost(); err != nil {
		return err
	}
	if d.max > 0 {
		return nil
	}
	var err error
	d.max, err = defaultBytes(d.path, d.lost)
	return err
}

// claim makes a directory if there is none, and refuses one in which others could change
// what is written, or that can't be written.
func claim(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if err := owner.CheckDir(dir, "--spool-dir"); err != nil {
		return err
	}
	if err := unix.Access(dir, unix.R_OK|unix.W_OK|unix.X_OK); err != nil {
		return fmt.Errorf("%s can't be written: %w", dir, err)
	}
	return nil
}

// Create makes a file that has no bytes, for the image with the path name. Names needn't
// be unique.
func (d *Dir) Create(name string) (*File, error) {
	f, err := d.create(name)
	if err != nil {
		return nil, fmt.Errorf("spool %s: create a file for %q: %w", d.path, name, noRoom(err))
	}
	if err := d.add(f); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// create makes a file, and locks it. Another process that opens the spool may take it for a
// leftover in between, and remove it: then it is the next one.
func (d *Dir) create(name string) (*File, error) {
	for {
		file, err := os.CreateTemp(d.path, safeName(name)+".*"+suffix)
		if err != nil {
			return nil, err
		}
		mine, err := lock(file)
		if mine {
			return &File{dir: d, name: name, path: file.Name(), linked: true, file: file}, nil
		}
		_ = file.Close()
		if err != nil {
			return nil, errors.Join(err, removeIfThere(file.Name()))
		}
	}
}

// lock locks a file, and reports whether that went well and it still has its name.
func lock(file *os.File) (mine bool, err error) {
	err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("lock: %w", err)
	}
	opened, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := os.Lstat(file.Name())
	return err == nil && os.SameFile(opened, named), nil
}

func (d *Dir) add(f *File) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return fmt.Errorf("spool %s: %w", d.path, os.ErrClosed)
	}
	d.files[f] = struct{}{}
	return nil
}

// drop forgets a file that had n bytes.
func (d *Dir) drop(f *File, n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.files, f)
	delete(d.kept, f)
	d.used -= n
}

// Close ends the use of the directory. Files that are still open are closed, and if they
// have bytes and a name they go to lost+found. Nobody is told of kept ones.
func (d *Dir) Close() error {
	d.evicting.Lock() // so that nobody else is told from now on
	files, ok := d.shut()
	d.evicting.Unlock()
	if !ok {
		return os.ErrClosed
	}
	d.telling.Wait()
	var failed error
	for _, f := range files {
		failed = errors.Join(failed, f.abandon())
	}
	return failed
}

// shut lets no more files come, and returns those that are open.
func (d *Dir) shut() (files []*File, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return nil, false
	}
	d.closed = true
	clear(d.kept)
	for f := range d.files {
		files = append(files, f)
	}
	return files, true
}
