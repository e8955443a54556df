package original

import (
	"strings"

	"github.com/visorfs/visorfs/meta"
)

const (
	msgLocationAndBody = "When the location header is present no file content can be provided"
	msgHTTPBody        = "Cannot post an image file to a HTTP backend"
)

var (
	authRescues   = rescues{forbidden: 403}
	insertRescues = rescues{invalid: 400, internal: 503}
)

// postImage registers an image, and stores its data if there are some.
func (s *Server) postImage(req *request) *reply {
	accessKey, err := s.authorize(req)
	if err != nil {
		return rendered(req, authRescues.of(err))
	}
	attributes, err := req.header.metadata("PostImage")
	if err != nil {
		return rendered(req, rescues{}.of(err))
	}
	attributes = attributes.with("owner", accessKey)
	attributes, refused := s.resolveLocation(attributes, req.body)
	if refused != nil {
		return rendered(req, *refused)
	}
	img, err := s.insert(attributes)
	if err != nil {
		return rendered(req, insertRescues.of(err))
	}
	if req.body != nil {
		id, _ := img.text("_id")
		img, err = s.uploadNew(id, req)
		if err != nil {
			return rendered(req, s.failUpload(id, err))
		}
	}
	return rendered(req, result{200, hash{{"image", img}}})
}

// insert registers an image. One with a location, even an empty one, is available.
func (s *Server) insert(attributes hash) (hash, error) {
	img, err := s.vms.post(attributes)
	if err != nil {
		return nil, err
	}
	return s.availableIfLocated(img)
}

func (s *Server) availableIfLocated(img hash) (hash, error) {
	if _, located := img.text("location"); !located {
		return img, nil
	}
	id, _ := img.text("_id")
	return s.vms.put(id, hash{{"status", string(meta.Available)}})
}

// resolveLocation looks at where the data of an image are said to lie. Only an
// http:// location is really looked for; its size and checksum join the attributes.
func (s *Server) resolveLocation(attributes hash, body *upload) (hash, *result) {
	location, located := attributes.get("location")
	if located && body != nil {
		return nil, new(refuse(400, msgLocationAndBody))
	}
	text, isText := location.(string)
	if located && !isText {
		err := fail(unexpected, "undefined method `split' for "+inspect(location)+":Integer")
		return nil, new(rescues{}.of(err))
	}
	scheme, _, _ := strings.Cut(text, ":")
	if store, _ := attributes.text("store"); store != "http" && scheme != "http" {
		return attributes, nil
	}
	if body != nil {
		return nil, new(refuse(400, msgHTTPBody))
	}
	if text == "" {
		return nil, new(rescues{}.of(fail(unexpected, "Hostname not supplied: ''")))
	}
	found, ok := s.web.probe(text)
	if !ok {
		return nil, new(refuse(404, notFoundAt(text).Error()))
	}
	return attributes.with("size", found.size).with("checksum", found.checksum), nil
}
