package original

import (
	"io"

	"github.com/visorfs/visorfs/meta"
)

// headImage shows an image in header fields.
func (s *Server) headImage(req *request, id string) *reply {
	img, err := s.imageForHead(req, id)
	if err == nil {
		return plainReply(200, metaLines(img), "")
	}
	res := commonRescues.of(err)
	if res.status == 500 { // sent with its body, which a HEAD must not have
		return plainReply(500, nil, dump(res.body))
	}
	code, _ := res.body.text("code")
	return plainReply(res.status, []line{{"x-error-code", code}, {"x-error-message", err.Error()}}, "")
}

func (s *Server) imageForHead(req *request, id string) (hash, error) {
	if _, err := s.authorize(req); err != nil {
		return nil, err
	}
	if id == "detail" { // for VMS that was the list of all public images, which made no fields
		_, err := s.vms.list(meta.Detail, hash{{"access", meta.Public}})
		return nil, err
	}
	return s.vms.get(id)
}

// getRescues has no internal: the original answered that with 503, but went on
// and fell over the image that it had not got.
var getRescues = rescues{forbidden: 403, notFound: 404}

// getImage streams the data of an image, whatever its status.
func (s *Server) getImage(req *request, id string) *reply {
	img, data, err := s.imageAndData(req, id)
	if kindOf(err) == internal {
		err = fail(unexpected, "undefined method `each' for nil:NilClass")
	}
	if err != nil {
		return rendered(req, getRescues.of(err))
	}
	streamed := line{"X-Stream", "Goliath"}
	if data == nil {
		return renderedReply(200, "application/octet-stream", append([]line{streamed}, metaLines(img)...), nil)
	}
	header := append([]line{{"Content-Type", "application/octet-stream"}, streamed}, metaLines(img)...)
	return streamReply(header, data)
}

// imageAndData returns an image and what streams its data: nil if it has no
// location.
func (s *Server) imageAndData(req *request, id string) (hash, func(io.Writer) error, error) {
	if _, err := s.authorize(req); err != nil {
		return nil, nil, err
	}
	img, err := s.vms.get(id)
	if err != nil {
		return nil, nil, err
	}
	location, ok := img.text("location")
	if !ok {
		return img, nil, nil
	}
	b, err := s.backend(location)
	if err != nil {
		return nil, nil, err
	}
	if err := b.check(location); err != nil {
		return nil, nil, err
	}
	return img, func(w io.Writer) error { return b.stream(location, w) }, nil
}
