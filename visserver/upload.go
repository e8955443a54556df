package visserver

import (
	"bytes"
	"crypto/md5"
	"encoding/base64"
	"io"
	"net/http"

	"github.com/visorfs/visorfs/meta"
)

const (
	dataType  = "application/octet-stream"
	fileStore = "file" // the one store that this server has
)

// upload is the data that a request brings.
type upload struct {
	body    io.Reader
	wantMD5 []byte // from Content-MD5; nil if not given
}

// uploadOf returns the data that a request brings, nil if none. An empty body is
// none: VIS cannot store an empty file.
func uploadOf(r *http.Request) (*upload, error) {
	body, err := bodyOf(r)
	if body == nil || err != nil {
		return nil, err
	}
	if r.Header.Get("Content-Type") != dataType {
		return nil, refuse(http.StatusBadRequest, "Request Content-Type must be %s", dataType)
	}
	u := &upload{body: body}
	if text := r.Header.Get("Content-MD5"); text != "" {
		u.wantMD5, err = base64.StdEncoding.DecodeString(text)
		if err != nil || len(u.wantMD5) != md5.Size {
			return nil, refuse(http.StatusBadRequest, "Content-MD5 must be an MD5 in base64")
		}
	}
	return u, nil
}

// bodyOf returns a request's body, nil if it is empty. Of a chunked one only its
// first byte can tell.
func bodyOf(r *http.Request) (io.Reader, error) {
	switch {
	case r.ContentLength == 0:
		return nil, nil
	case r.ContentLength > 0:
		return r.Body, nil
	}
	first := make([]byte, 1)
	switch _, err := io.ReadFull(r.Body, first); err {
	case nil:
		return io.MultiReader(bytes.NewReader(first), r.Body), nil
	case io.EOF:
		return nil, nil
	default:
		return nil, &bodyError{err}
	}
}

// store receives an upload and makes it the data of an image: the file first,
// then in one transaction the record that e computes and which becomes available.
// A failure leaves neither.
func (s *Server) store(id meta.ID, u *upload, e edit) (*meta.Image, error) {
	data, err := s.files.receive(u.body, u.wantMD5)
	if err != nil {
		return nil, err
	}
	if err := s.files.keep(data, id); err != nil {
		s.files.drop(data, id)
		return nil, err
	}
	img, err := s.records.update(id, func(now *meta.Image) (*meta.Image, error) {
		next, err := e(now)
		if err == nil {
			s.fillIn(next, data)
		}
		return next, err
	})
	if err != nil {
		s.files.drop(data, id)
		return nil, err
	}
	return img, nil
}

// fillIn sets what follows from the data of an image.
func (s *Server) fillIn(img *meta.Image, data arrival) {
	if img.Store == "" {
		img.Store = fileStore
	}
	img.Status = meta.Available
	img.Size = data.size
	img.Checksum = data.checksum
	img.UploadedAt = now()
	img.UpdatedAt = img.UploadedAt
	s.locate(img)
}
