package visserver

import (
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// getImage answers GET and HEAD of an image: its attributes in headers and its
// data, none while it has none.
func (s *Server) getImage(w http.ResponseWriter, c call) error {
	img, err := s.find(c.id, c.user)
	if err != nil {
		return err
	}
	content, err := s.content(c.Method, img)
	if err != nil {
		return err
	}
	defer content.Close()
	s.records.read(img.ID)

	img.SetHeader(w.Header())
	w.Header().Set("Content-Type", dataType)
	switch {
	case img.Status != meta.Available:
		w.Header().Set("Content-Length", "0")
	case s.ignoreRange:
		sendWhole(w, c.Method, content)
	default:
		// Data never change, so their MD5 is all the validation there is to do.
		w.Header().Set("ETag", `"`+img.Checksum+`"`)
		http.ServeContent(w, c.Request, "", time.Time{}, content)
	}
	return nil
}

// content opens the data of an image. HEAD takes their size from the record: it
// is about the attributes, and answers even if the file has vanished.
func (s *Server) content(method string, img *meta.Image) (io.ReadSeekCloser, error) {
	switch {
	case img.Status != meta.Available:
		return unread{strings.NewReader("")}, nil
	case method == http.MethodHead:
		return unread{io.NewSectionReader(nil, 0, img.Size)}, nil
	}
	file, err := os.Open(s.files.path(img.ID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, refuse(http.StatusNotFound, "No image file found")
	}
	return file, err
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
