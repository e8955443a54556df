package original

import "github.com/visorfs/visorfs/meta"

func (s *Server) getImages(req *request) *reply       { return s.list(req, meta.Brief) }
func (s *Server) getImagesDetail(req *request) *reply { return s.list(req, meta.Detail) }

// list answers with the caller's own images, and nobody else's.
func (s *Server) list(req *request, view meta.View) *reply {
	images, err := s.ownImages(req, view)
	if err != nil {
		return rendered(req, commonRescues.of(err))
	}
	// On success alone the original forgot the parameter format, which was a filter
	// too, before the renderer looked at it.
	found := *req
	found.params = nil
	return rendered(&found, result{200, hash{{"images", images}}})
}

func (s *Server) ownImages(req *request, view meta.View) ([]hash, error) {
	accessKey, err := s.authorize(req)
	if err != nil {
		return nil, err
	}
	return s.vms.list(view, hash(req.params).with("owner", accessKey))
}
