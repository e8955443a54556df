package original

import (
	"cmp"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// uploadRescues are the failures of an upload. All but a conflict leave the image
// in status error; any other kind leaves it in status uploading.
var uploadRescues = rescues{
	unsupportedStore: 400, invalid: 400, notFound: 404, conflict: 409, duplicated: 409, internal: 503,
}

// failUpload is the result of a failed upload. Of two uploads at once the one that
// found the file there already has the last word on the status: in the original's
// single thread it was always the second to call VMS, here it waits.
func (s *Server) failUpload(id string, err error) result {
	k := kindOf(err)
	if _, rescued := uploadRescues[k]; rescued && k != conflict {
		time.Sleep(s.vms.roundTrip)
		if _, err := s.vms.put(id, hash{{"status", string(meta.Failed)}}); err != nil {
			s.log.Debug("cannot set status error", "id", id, "err", err)
		}
	}
	return uploadRescues.of(err)
}

// uploadNew stores the data of an image that was just registered.
func (s *Server) uploadNew(id string, req *request) (hash, error) {
	stored, err := s.storeData(id, req)
	if err != nil {
		return nil, err
	}
	return s.vms.put(id, stored.with("uploaded_at", s.now().Format(rubyTime)))
}

// storeData begins to move a body into the store, and returns what changes in the
// record. The file is not there yet when the record says so.
func (s *Server) storeData(id string, req *request) (hash, error) {
	img, err := s.vms.put(id, hash{{"status", string(meta.Uploading)}})
	if err != nil {
		return nil, err
	}
	if contentType, _ := req.header.exact("Content-Type"); contentType != "application/octet-stream" {
		return nil, fail(invalid, "Request Content-Type must be application/octet-stream")
	}
	store, _ := img.text("store")
	format, _ := img.text("format")
	b, err := s.backend(cmp.Or(store, "file"))
	if err != nil {
		return nil, err
	}
	size, checksum := req.body.size, req.body.checksum()
	location, err := b.save(id, cmp.Or(format, "none"), req.body)
	if err != nil {
		return nil, err
	}
	return hash{
		{"status", string(meta.Available)},
		{"location", location},
		{"size", integerOf(size)},
		{"checksum", checksum},
	}, nil
}
