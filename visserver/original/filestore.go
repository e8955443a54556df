package original

import (
	"cmp"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"
)

const (
	// blockBytes is what the file store read, wrote and sent at a time.
	blockBytes = 64 << 10
	// brokenBlocks is how many blocks of a reply over 2 GiB went out: the size of
	// the send buffer was a signed number of 32 bits.
	brokenBlocks = 14
)

var errOver2GiB = errors.New("reply over 2 GiB broken off, as the original did")

// fileStore keeps image files in a directory, and serves and deletes whatever file
// of the machine a location names.
type fileStore struct {
	dir    string
	copies *copier
}

func newFileStore(dir string, o Options) *fileStore {
	return &fileStore{dir: dir, copies: newCopier(
		cmp.Or(o.BlockPause, 200*time.Microsecond),
		cmp.Or(o.CollectAfter, 2400*time.Millisecond),
	)}
}

func (f *fileStore) check(location string) error {
	path := pathOf(location)
	if _, err := os.Stat(path); err != nil {
		return notFoundAt(path)
	}
	return nil
}

// stream sends what the file holds at this moment, which during a copy is less
// than its record says.
func (f *fileStore) stream(location string, w io.Writer) error {
	info, err := os.Stat(pathOf(location))
	if err != nil || !info.Mode().IsRegular() { // gone meanwhile, or a pipe that might never end
		return err
	}
	file, err := os.Open(pathOf(location))
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	var in io.Reader = file
	broken := sentBytes(info.Size()) > math.MaxInt32
	if broken {
		in = io.LimitReader(file, brokenBlocks*blockBytes)
	}
	for block := make([]byte, blockBytes); ; {
		n, err := io.ReadFull(in, block)
		if _, err := w.Write(block[:n]); err != nil {
			return err
		}
		switch {
		case err == nil:
		case broken:
			return errOver2GiB
		default: // the end, or a read error, which looked the same
			return nil
		}
	}
}

// sentBytes is the size of a file in chunks. The few hundred bytes of head that
// share the buffer are left out.
func sentBytes(size int64) int64 {
	return size + size/blockBytes*chunkOverhead(blockBytes)
}

// save makes the file and leaves its contents to the copier.
func (f *fileStore) save(id, format string, body *upload) (location string, err error) {
	path := filepath.Join(f.dir, id+"."+format)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return "", fail(duplicated, "The image file "+path+" already exists")
	}
	if err != nil {
		return "", err
	}
	f.copies.start(body.take(), file)
	return "file://" + path, nil
}

func (f *fileStore) remove(location string) error {
	if err := f.check(location); err != nil {
		return err
	}
	path := pathOf(location)
	if err := os.Remove(path); err != nil {
		return fail(forbidden, "Error while trying to delete image file "+path+": "+err.Error())
	}
	return nil
}
