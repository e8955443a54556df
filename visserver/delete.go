package visserver

import (
	"errors"
	"io/fs"
	"log/slog"
	"net/http"
	"os"

	"github.com/visorfs/visorfs/meta"
)

// deleteImage removes an image, its record first: a crash between the two leaves
// a file that nobody knows, not an image without its file. Downloads that have
// begun go on.
func (s *Server) deleteImage(w http.ResponseWriter, c call) error {
	img, err := s.findOwn(c.id, c.user)
	if err != nil {
		return err
	}
	gone, err := s.removeRecord(img.ID)
	if err != nil {
		return err
	}
	// A registered file is not the server's, and does not lie at this path.
	if err := os.Remove(s.files.path(img.ID)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		// The image is gone for everybody, so the request has succeeded; New removes the file.
		s.log.Warn("file of a deleted image not removed", slog.String("image", string(img.ID)), slog.Any("error", err))
	}
	writeImage(w, c, gone, meta.Full)
	return nil
}

// removeRecord removes the record of an image and returns its last state.
func (s *Server) removeRecord(id meta.ID) (gone *meta.Image, err error) {
	release, ok := s.records.claim(id, removing)
	if !ok {
		return nil, refuse(http.StatusConflict, "Image '%s' is being uploaded or deleted", id)
	}
	defer release()
	_, err = s.records.update(id, func(now *meta.Image) (*meta.Image, error) {
		if now == nil {
			return nil, notFound(id)
		}
		gone = now
		return nil, nil
	})
	return gone, err
}
