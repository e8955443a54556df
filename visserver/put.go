package visserver

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/visorfs/visorfs/meta"
)

// putImage changes the attributes of an image, gives it data, or both at once:
// a request that is refused changes nothing.
func (s *Server) putImage(w http.ResponseWriter, c call) error {
	img, err := s.findOwn(c.id, c.user)
	if err != nil {
		return err
	}
	fields, err := s.fieldsOf(c, meta.Fields.ValidateUpdate)
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
	switch {
	case elsewhere != nil:
		img, err = s.putLocation(img.ID, fields, elsewhere)
	case data != nil:
		img, err = s.putData(img.ID, fields, data)
	case len(fields) > 0:
		img, err = s.putFields(img.ID, fields)
	default:
		err = refuse(http.StatusBadRequest, "No headers or body found for update")
	}
	if err != nil {
		return err
	}
	writeImage(w, c, img, meta.Detail)
	return nil
}

func (s *Server) putFields(id meta.ID, fields meta.Fields) (*meta.Image, error) {
	return s.records.update(id, func(now *meta.Image) (*meta.Image, error) {
		next, err := edited(id, now, fields)
		if err != nil {
			return nil, err
		}
		if next.Status == meta.Available { // its data are where they are
			return next, checkStore(next.Store)
		}
		return next, nil
	})
}

// putLocation makes a file that lies elsewhere the data of a registered image.
func (s *Server) putLocation(id meta.ID, fields meta.Fields, elsewhere *registration) (*meta.Image, error) {
	release, ok := s.records.claim(id, uploading)
	if !ok {
		return nil, errTakesNoData()
	}
	defer release()
	return s.records.update(id, func(now *meta.Image) (*meta.Image, error) {
		if now != nil && !now.Status.TakesData() {
			return nil, errTakesNoData()
		}
		next, err := edited(id, now, fields)
		if err != nil {
			return nil, err
		}
		return next, elsewhere.fillIn(next)
	})
}

// putData stores the data of a registered image and changes its attributes.
func (s *Server) putData(id meta.ID, fields meta.Fields, data *upload) (*meta.Image, error) {
	release, ok := s.records.claim(id, uploading)
	if !ok {
		return nil, errTakesNoData()
	}
	defer release()
	img, err := s.storeClaimed(id, fields, data)
	if err != nil && isStoreFailure(err) {
		s.markFailed(id)
	}
	return img, err
}

func (s *Server) storeClaimed(id meta.ID, fields meta.Fields, data *upload) (*meta.Image, error) {
	apply := func(now *meta.Image) (*meta.Image, error) { return edited(id, now, fields) }
	img, _ := s.records.present(id)
	next, err := apply(img)
	if err != nil {
		return nil, err
	}
	if !next.Status.TakesData() {
		return nil, errTakesNoData()
	}
	if err := checkStore(next.Store); err != nil {
		return nil, err
	}
	return s.store(id, data, apply)
}

func errTakesNoData() error {
	return refuse(http.StatusConflict, "Can only assign image file to a locked or error image")
}

// isStoreFailure tells a failure of the server's own from what the client did.
func isStoreFailure(err error) bool {
	return refusalOf(err).Code >= 500 && !errors.Is(err, errClosed)
}

// markFailed notes in the record that storing its data failed. If that fails as
// well the image stays as it was, which takes data just the same.
func (s *Server) markFailed(id meta.ID) {
	_, err := s.records.update(id, func(now *meta.Image) (*meta.Image, error) {
		next, err := edited(id, now, nil)
		if err == nil {
			next.Status = meta.Failed
		}
		return next, err
	})
	if err != nil {
		s.log.Error("image not marked as failed", slog.String("image", string(id)), slog.Any("error", err))
	}
}

// edited returns a changed copy of an image that may have been removed meanwhile.
func edited(id meta.ID, img *meta.Image, fields meta.Fields) (*meta.Image, error) {
	if img == nil {
		return nil, notFound(id)
	}
	next := img.Clone()
	if fields.HasCustom() {
		next.Other = nil // custom attributes are replaced as a set
	}
	if err := next.Apply(fields); err != nil {
		return nil, err
	}
	next.UpdatedAt = now()
	return next, nil
}
