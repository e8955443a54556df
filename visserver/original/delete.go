package original

// deleteImage removes a record, then the file at its location: but that only if
// the record names a store.
func (s *Server) deleteImage(req *request, id string) *reply {
	img, err := s.delete(req, id)
	if err != nil {
		return rendered(req, commonRescues.of(err))
	}
	return rendered(req, result{200, hash{{"image", img}}})
}

func (s *Server) delete(req *request, id string) (hash, error) {
	if _, err := s.authorize(req); err != nil {
		return nil, err
	}
	img, err := s.vms.delete(id)
	if err != nil {
		return nil, err
	}
	location, located := img.text("location")
	store, stored := img.text("store")
	if !located || !stored {
		return img, nil
	}
	b, err := s.backend(location)
	if err != nil {
		return nil, err
	}
	if store == "http" {
		return img, nil
	}
	return img, b.remove(location)
}
