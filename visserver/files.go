package visserver

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/visorfs/visorfs/meta"
)

// files is where the data of images are.
type files struct {
	images   string // a file per image, named by its id
	incoming string // what has not arrived completely
}

func openFiles(dir string) (files, error) {
	f := files{images: filepath.Join(dir, "images"), incoming: filepath.Join(dir, "incoming")}
	for _, d := range []string{f.images, f.incoming} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return files{}, err
		}
	}
	return f, syncDir(dir)
}

// path returns the file of an image. Its id must be one that this server made,
// never one that a client sent.
func (f files) path(id meta.ID) string { return filepath.Join(f.images, string(id)) }

// arrival is a file that has arrived and belongs to no image yet. It ends in keep
// or drop.
type arrival struct {
	path     string
	size     int64
	checksum string // MD5, hex
}

// receive writes a body to a new file and syncs it. A failure leaves nothing;
// it is a *bodyError if the body is at fault. wantMD5, unless nil, is what the
// body must hash to.
func (f files) receive(body io.Reader, wantMD5 []byte) (arrival, error) {
	file, err := os.CreateTemp(f.incoming, "upload-*")
	if err != nil {
		return arrival{}, err
	}
	a, err := fill(file, body, wantMD5)
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		_ = os.Remove(file.Name()) // New collects what stays
		return arrival{}, fmt.Errorf("receive image file: %w", err)
	}
	return a, nil
}

func fill(file *os.File, body io.Reader, wantMD5 []byte) (arrival, error) {
	size, sum, err := copyHashed(file, body)
	if err != nil {
		return arrival{}, err
	}
	if wantMD5 != nil && !bytes.Equal(sum, wantMD5) {
		return arrival{}, refuse(http.StatusBadRequest, "The request body does not match its Content-MD5")
	}
	if err := file.Sync(); err != nil {
		return arrival{}, err
	}
	return arrival{path: file.Name(), size: size, checksum: hex.EncodeToString(sum)}, nil
}

// keep makes an arrival the file of an image, for good.
func (f files) keep(a arrival, id meta.ID) error {
	if err := os.Rename(a.path, f.path(id)); err != nil {
		return err
	}
	return syncDir(f.images)
}

// drop removes an arrival, wherever keep got with it.
func (f files) drop(a arrival, id meta.ID) {
	_ = os.Remove(a.path) // New collects what stays
	_ = os.Remove(f.path(id))
}

// syncDir makes the entries of a directory survive a power failure.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
