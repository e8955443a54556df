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
	body    *body
	first   []byte // of the body, read already
	wantMD5 []byte // from Content-MD5; nil if not given
}

// uploadOf returns the data that a request brings, nil if none; end must follow.
// An empty body is none: VIS cannot store an empty file.
func (s *Server) uploadOf(w http.ResponseWriter, r *http.Request) (*upload, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	body, err := s.uploads.begin(w, r)
	if err != nil {
		return nil, err
	}
	u := &upload{body: body}
	if empty, err := u.prepare(r); empty || err != nil {
		u.end()
		return nil, err
	}
	return u, nil
}

// prepare checks what is known of an upload before its data are stored.
func (u *upload) prepare(r *http.Request) (empty bool, err error) {
	if r.ContentLength < 0 { // of a chunked body only its first byte can tell
		u.first = make([]byte, 1)
		switch _, err := io.ReadFull(u.body, u.first); err {
		case nil:
		case io.EOF:
			return true, nil
		default:
			return false, &bodyError{err}
		}
	}
	if r.Header.Get("Content-Type") != dataType {
		return false, refuse(http.StatusBadRequest, "Request Content-Type must be %s", dataType)
	}
	if text := r.Header.Get("Content-MD5"); text != "" {
		u.wantMD5, err = base64.StdEncoding.DecodeString(text)
		if err != nil || len(u.wantMD5) != md5.Size {
			return false, refuse(http.StatusBadRequest, "Content-MD5 must be an MD5 in base64")
		}
	}
	return false, nil
}

// data returns all that the request brings.
func (u *upload) data() io.Reader {
	return io.MultiReader(bytes.NewReader(u.first), u.body)
}

// end ends an upload, whatever became of it. Nil has nothing to end.
func (u *upload) end() {
	if u != nil {
		u.body.end()
	}
}

// store receives an upload and makes it the data of an image: the file first,
// then in one transaction the record that e computes and which becomes available.
// A failure leaves neither.
func (s *Server) store(id meta.ID, u *upload, e edit) (*meta.Image, error) {
	data, err := s.files.receive(u.data(), u.wantMD5)
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
