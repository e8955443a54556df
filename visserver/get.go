package visserver

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// content is the data of an image, opened.
type content struct {
	io.ReadSeekCloser
	etag string // without quotes; "" if unknown
	size int64
}

// getImage answers GET and HEAD of an image: its attributes in headers and its
// data, none while it has none.
func (s *Server) getImage(w http.ResponseWriter, c call) error {
	img, err := s.find(c.id, c.user)
	if err != nil {
		return err
	}
	data, err := s.content(c.Method, img)
	if errors.Is(err, fs.ErrNotExist) {
		return refuse(http.StatusNotFound, "No image file found")
	}
	if err != nil {
		return err
	}
	defer data.Close()
	s.records.read(img.ID)

	img.SetHeader(w.Header())
	w.Header().Set("Content-Type", dataType)
	if img.Status != meta.Available {
		w.Header().Set("Content-Length", "0")
		return nil
	}
	w.Header().Set(meta.HeaderName("size"), strconv.FormatInt(data.size, 10)) // a registered file may have grown
	if s.ignoreRange {
		sendWhole(w, c.Method, data)
		return nil
	}
	if data.etag != "" {
		w.Header().Set("ETag", `"`+data.etag+`"`)
	}
	http.ServeContent(w, c.Request, "", time.Time{}, data)
	return nil
}

// content opens the data of an image. HEAD answers even if the file has vanished:
// it is about the attributes.
func (s *Server) content(method string, img *meta.Image) (content, error) {
	recorded := content{unread{io.NewSectionReader(nil, 0, img.Size)}, img.Checksum, img.Size}
	switch {
	case img.Status != meta.Available:
		return content{unread{strings.NewReader("")}, "", 0}, nil
	case isRegistered(img):
		file, info, err := s.openRegistered(img)
		if errors.Is(err, fs.ErrNotExist) && method == http.MethodHead {
			return recorded, nil
		}
		if err != nil {
			return content{}, err
		}
		return content{file, versionOf(info), info.Size()}, nil
	case method == http.MethodHead:
		return recorded, nil
	}
	file, err := os.Open(s.files.path(img.ID))
	// Data in images/ never change, so their MD5 is all the validation there is to do.
	return content{file, img.Checksum, img.Size}, err
}

// unread is content that is asked for its size only.
type unread struct{ io.ReadSeeker }

func (unread) Close() error { return nil }

// sendWhole sends a file the way the original server does.
func sendWhole(w http.ResponseWriter, method string, file io.Reader) {
	if method == http.MethodHead {
		return
	}
	// Flushed headers cannot get a Content-Length any more, even for a small file.
	_ = http.NewResponseController(w).Flush() // the copy fails too if this does
	if _, err := io.Copy(w, file); err != nil {
		panic(http.ErrAbortHandler) // the end of a chunked reply would look regular
	}
}
