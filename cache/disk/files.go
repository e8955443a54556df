package disk

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/visorfs/visorfs/internal/hole"
	"github.com/visorfs/visorfs/internal/owner"
)

const (
	dataExt  = ".data"
	indexExt = ".index"
)

// stemOf returns the name of a content's files, without extension.
func stemOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:16])
}

// files are the two of one object.
type files struct{ data, index *os.File }

func openFiles(stem string) (*files, error) { return filesOf(stem, os.O_RDWR) }

// createFiles makes the files of an object that has none. Neither takes space. What a kill
// leaves in between is a data file alone, or an index of the wrong length.
func createFiles(stem string, h header) (*files, error) {
	f, err := filesOf(stem, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, err
	}
	_, err = f.index.WriteAt(h.encode(), 0)
	err = errors.Join(err, f.data.Truncate(h.size), f.index.Truncate(indexLen(h.size)))
	if err != nil {
		f.close()
		return nil, errors.Join(err, removeFiles(stem))
	}
	return f, nil
}

func filesOf(stem string, flag int) (*files, error) {
	data, err := owner.Open(stem+dataExt, flag)
	if err != nil {
		return nil, err
	}
	index, err := owner.Open(stem+indexExt, flag)
	if err != nil {
		_ = data.Close()
		return nil, err
	}
	return &files{data, index}, nil
}

func (f *files) close() {
	_ = f.data.Close() // a lost write is found by its checksum
	_ = f.index.Close()
}

// removeFiles removes what there is. The data go last: without an index they are removed
// at the next start.
func removeFiles(stem string) error {
	var failed error
	for _, ext := range []string{indexExt, dataExt} {
		if err := os.Remove(stem + ext); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = errors.Join(failed, err)
			if f, err := owner.Open(stem+ext, os.O_WRONLY|os.O_TRUNC); err == nil {
				_ = f.Close() // empty, it isn't believed then
			}
		}
	}
	return failed
}

// control calls do with f's descriptor, which stays open meanwhile.
func control(f *os.File, do func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var result error
	if err := conn.Control(func(fd uintptr) { result = do(int(fd)) }); err != nil {
		return err
	}
	return result
}

// onDisk returns how many bytes the filesystem has given to a file.
func onDisk(info fs.FileInfo) int64 {
	return info.Sys().(*syscall.Stat_t).Blocks * 512
}

var errNotSparse = errors.New("its filesystem can't keep sparse files; give a --cache-dir on another")

// probe tries with f what the filesystem can: whether it gives back the space of a part of
// a file. It fails if holes take space, and takes little itself.
func probe(f *os.File) (holes bool, err error) {
	before, err := f.Stat()
	if err != nil {
		return false, err
	}
	if err := f.Truncate(2 * ChunkBytes); err != nil {
		return false, err
	}
	after, err := f.Stat()
	if err == nil && onDisk(after) > ChunkBytes {
		err = errNotSparse
	}
	holes = hole.Punch(f, ChunkBytes, ChunkBytes) == nil
	return holes, errors.Join(err, f.Truncate(before.Size()))
}

func (s *Store) stem(content string) string { return filepath.Join(s.dir, stemOf(content)) }
