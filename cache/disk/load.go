package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// damage is what one load has discarded.
type damage struct {
	files, chunks int
	first         error
	unfinished    int // files, that a kill left
}

// errUnfinished is that files have nothing, as a kill leaves them that comes while they are
// made or removed.
var errUnfinished = errors.New("it has nothing")

func (d *damage) note(err error) {
	if d.first == nil {
		d.first = err
	}
}

// noteFile counts a file that belongs to no object.
func (d *damage) noteFile(name string, err error, indexed bool) {
	if !indexed || errors.Is(err, errUnfinished) {
		d.unfinished++
		return
	}
	d.files++
	d.note(fmt.Errorf("%s: %w", name, err))
}

// load finds the objects of the directory, and removes what is none of them but has the
// name of one.
func (s *Store) load() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var d damage
	loaded := make(map[string]error) // by stem
	for _, e := range entries {
		if stem, ok := strings.CutSuffix(e.Name(), indexExt); ok && isStem(stem) {
			loaded[stem] = s.loadObject(stem, &d)
		}
	}
	for _, e := range entries {
		err, indexed := loaded[stemIn(e.Name())]
		if isOurs(e.Name()) && (err != nil || !indexed) {
			d.noteFile(e.Name(), err, indexed)
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
		}
	}
	s.counts.discarded.Add(int64(d.chunks))
	if d.first != nil {
		s.log.Warn("disk cache: discarded damaged files", "dir", s.dir, "files", d.files, "chunks", d.chunks, "first", d.first)
	}
	if d.unfinished > 0 {
		s.log.Info("disk cache: removed files that a kill left unfinished", "dir", s.dir, "files", d.unfinished)
	}
	return nil
}

func isStem(name string) bool {
	return len(name) == 32 && strings.Trim(name, "0123456789abcdef") == ""
}

func stemIn(name string) string { return strings.TrimSuffix(name, filepath.Ext(name)) }

// isOurs reports whether name is one that this package gives, other than the marker's.
func isOurs(name string) bool {
	ext := filepath.Ext(name)
	return (ext == dataExt || ext == indexExt) && isStem(stemIn(name))
}

// loadObject adds the object whose files have the name stem.
func (s *Store) loadObject(stem string, d *damage) error {
	f, err := openFiles(filepath.Join(s.dir, stem))
	if err != nil {
		return err
	}
	defer f.close()
	h, taken, err := f.examine()
	if err != nil {
		return err
	}
	if stemOf(h.content) != stem {
		return errors.New("the index is another object's")
	}
	o := newObject(s, h.content, h.size)
	damaged, err := o.loadRecords(f)
	if err != nil {
		return err
	}
	switch {
	case o.present.Load() > 0:
	case damaged > 0:
		return errors.New("none of its records is right")
	default:
		return errUnfinished
	}
	if damaged > 0 {
		d.chunks += damaged
		d.note(fmt.Errorf("%s: damaged records", stem))
		h.verified = false
		if err := o.saveHeader(f, false); err != nil {
			return err
		}
	}
	o.exists = true
	o.verified.Store(h.verified && o.Whole())
	o.sweep(f, taken)
	s.room.give(-o.held)
	s.counts.objects.Add(1)
	s.objects[o.content] = o
	return nil
}

// examine returns the header, and how much space the data take, if the files can be those
// of an object.
func (f *files) examine() (h header, taken int64, err error) {
	data, err := f.data.Stat()
	if err != nil {
		return h, 0, err
	}
	index, err := f.index.Stat()
	if err != nil {
		return h, 0, err
	}
	if index.Size() <= PageBytes { // it gets its length last
		return h, 0, errUnfinished
	}
	page := make([]byte, PageBytes)
	if _, err := f.index.ReadAt(page, 0); err != nil {
		return h, 0, err
	}
	if h, err = parseHeader(page); err != nil {
		return h, 0, err
	}
	if data.Size() != h.size || index.Size() != indexLen(h.size) {
		return h, 0, fmt.Errorf("the files have %d and %d bytes, the object %d", data.Size(), index.Size(), h.size)
	}
	return h, onDisk(data), nil
}
