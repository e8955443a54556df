package visserver

import (
	"net/http"

	"github.com/google/uuid"

	"github.com/visorfs/visorfs/meta"
)

// postImage registers an image, with its data if the request brings some. Until
// all of them are stored there is no record.
func (s *Server) postImage(w http.ResponseWriter, c call) error {
	fields, err := s.fieldsOf(c, meta.Fields.ValidateNew)
	if err != nil {
		return err
	}
	data, err := s.uploadOf(w, c.Request)
	if err != nil {
		return err
	}
	defer data.end()
	elsewhere, err := s.registrationOf(fields)
	if err != nil {
		return err
	}
	img, err := s.register(c.user, fields, data, elsewhere)
	if err != nil {
		return err
	}
	writeImage(w, c, img, meta.Detail)
	return nil
}

func (s *Server) register(user string, fields meta.Fields, data *upload, elsewhere *registration) (*meta.Image, error) {
	img := &meta.Image{
		ID: meta.ID(uuid.NewString()), Access: meta.Public,
		Owner: user, Status: meta.Locked, CreatedAt: now(),
	}
	if err := img.Apply(fields); err != nil {
		return nil, err
	}
	if elsewhere != nil {
		if err := elsewhere.fillIn(img); err != nil {
			return nil, err
		}
	}
	s.locate(img)
	create := func(*meta.Image) (*meta.Image, error) { return img, nil }
	if data == nil {
		return s.records.update(img.ID, create)
	}
	if err := checkStore(img.Store); err != nil {
		return nil, err
	}
	return s.store(img.ID, data, create)
}
