package original

import "github.com/visorfs/visorfs/meta"

var updateRescues = rescues{notFound: 404, invalid: 400, internal: 503}

// putImage changes attributes of an image, and stores its data if there are some.
// The attributes stay changed when the data are refused afterwards.
func (s *Server) putImage(req *request, id string) *reply {
	if _, err := s.authorize(req); err != nil {
		return rendered(req, authRescues.of(err))
	}
	attributes, err := req.header.metadata("PutImage")
	if err != nil {
		return rendered(req, rescues{}.of(err))
	}
	if len(attributes) == 0 && req.body == nil {
		return rendered(req, refuse(400, "No headers or body found for update"))
	}
	attributes, refused := s.resolveLocation(attributes, req.body)
	if refused != nil {
		return rendered(req, *refused)
	}
	var img hash
	if len(attributes) > 0 {
		if img, err = s.vms.put(id, attributes); err == nil {
			img, err = s.availableIfLocated(img)
		}
		if err != nil {
			return rendered(req, updateRescues.of(err))
		}
	}
	if req.body != nil {
		if img, err = s.uploadExisting(id, req); err != nil {
			return rendered(req, s.failUpload(id, err))
		}
	}
	return rendered(req, result{200, hash{{"image", img}}})
}

// uploadExisting stores data for an image that has none. Between its look at the
// status and its change of it another request may do the same.
func (s *Server) uploadExisting(id string, req *request) (hash, error) {
	img, err := s.vms.get(id)
	if err != nil {
		return nil, err
	}
	if status, _ := img.text("status"); !meta.Status(status).TakesData() {
		return nil, fail(conflict, "Can only assign image file to a locked or error image")
	}
	stored, err := s.storeData(id, req)
	if err != nil {
		return nil, err
	}
	return s.vms.put(id, stored)
}
