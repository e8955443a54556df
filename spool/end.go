package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Unlink takes the file's name away, so that a kill leaves nothing of it. It is for bytes
// that the server has; what is written later is lost by a kill as well.
func (f *File) Unlink() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.closed {
		return fmt.Errorf("spool: unlink the file of %q: %w", f.name, os.ErrClosed)
	}
	return f.unlink()
}

// unlink is called with writing held.
func (f *File) unlink() error {
	if !f.linked {
		return nil
	}
	if err := removeIfThere(f.path); err != nil {
		return fmt.Errorf("spool: remove the file of %q: %w", f.name, err)
	}
	f.linked = false
	return nil
}

// Close removes the file, and gives its room back. It waits for reads and writes that run.
// A second call does nothing.
func (f *File) Close() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.closed {
		return nil
	}
	return errors.Join(f.unlink(), f.shut())
}

// shut closes the file, whatever became of its name. It is called with writing held.
func (f *File) shut() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	err := f.file.Close()
	f.dir.drop(f, f.extents.data)
	f.extents = extents{}
	return err
}

// Lose closes the file, and leaves its bytes in lost+found as a file of size bytes, in
// which those that aren't written are zeros. It returns where they are, also when
// something went wrong: "" if they are nowhere.
func (f *File) Lose(size int64) (path string, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.closed {
		return "", fmt.Errorf("spool: keep the bytes of %q: %w", f.name, os.ErrClosed)
	}
	if f.linked {
		path, err = f.move(size)
	}
	if !f.linked || errors.Is(err, fs.ErrNotExist) { // somebody has removed it
		path, err = f.copyToLost(size)
	}
	f.dir.recountLost()
	if err := errors.Join(err, f.shut()); err != nil {
		return path, fmt.Errorf("spool: keep the bytes of %q: %w", f.name, err)
	}
	return path, nil
}

// move leaves the file under its own name if it can't be moved: the next Open finds it.
func (f *File) move(size int64) (path string, err error) {
	cut := f.file.Truncate(size)
	path, err = f.dir.moveToLost(f.path, f.name)
	if err != nil {
		path = f.path
	}
	return path, errors.Join(err, cut)
}

// copyToLost is for a file without a name: no other can be given to it.
func (f *File) copyToLost(size int64) (path string, err error) {
	to, err := f.dir.createLost(f.name)
	if err != nil {
		return "", err
	}
	err = errors.Join(f.copyData(to, size), to.Truncate(size), to.Close())
	if err != nil {
		return "", errors.Join(noRoom(err), removeIfThere(to.Name()))
	}
	return to.Name(), nil
}

func (f *File) copyData(to *os.File, size int64) error {
	for off := int64(0); off < size; {
		end, k := f.extents.next(off, size)
		if k == data {
			if err := copyRange(to, f.file, off, end); err != nil {
				return err
			}
		}
		off = end
	}
	return nil
}

// copyRange copies by way of the files' positions, so that the kernel can do it.
func copyRange(to, from *os.File, off, end int64) error {
	for _, f := range []*os.File{to, from} {
		if _, err := f.Seek(off, io.SeekStart); err != nil {
			return err
		}
	}
	_, err := io.CopyN(to, from, end-off)
	return err
}

// abandon closes a file that was left open, and loses it if that may be a loss.
func (f *File) abandon() error {
	f.writing.Lock()
	size, wanted := f.extents.end(), f.linked && f.extents.data > 0 && !f.isStored()
	f.writing.Unlock()
	if !wanted {
		return f.Close()
	}
	path, err := f.Lose(size)
	if errors.Is(err, os.ErrClosed) {
		return nil // just now
	}
	f.dir.log.Info("spool: kept what was not stored at the end; what was not written reads as zeros", "image", f.name, "file", path)
	return err
}
