package original

import (
	"net/url"
	"strings"
)

// The methods of each kind of path, as a 405 lists them.
const (
	allowCollection = "GET, POST"
	allowImage      = "DELETE, GET, HEAD, PUT"
	allowAll        = "DELETE"
)

// answer routes a request whose body has arrived.
func (s *Server) answer(req *request) *reply {
	if req.path == "/status" {
		return plainReply(200, nil, "OK")
	}
	path, err := url.PathUnescape(req.path)
	if err != nil {
		return unknownPath()
	}
	path = strings.TrimSuffix(path, "/")
	switch {
	case path == "/images":
		return s.answerCollection(req)
	case path == "/images/detail" && req.method == "GET":
		return s.getImagesDetail(req)
	case path == "/all":
		return answerAll(req)
	}
	id, ok := strings.CutPrefix(path, "/images/")
	if !ok || id == "" || strings.Contains(id, "/") {
		return unknownPath()
	}
	return s.answerImage(req, id)
}

func (s *Server) answerCollection(req *request) *reply {
	switch req.method {
	case "GET":
		return s.getImages(req)
	case "POST":
		return s.postImage(req)
	}
	return wrongMethod(allowCollection)
}

func (s *Server) answerImage(req *request, id string) *reply {
	switch req.method {
	case "HEAD":
		return s.headImage(req, id)
	case "GET":
		return s.getImage(req, id)
	case "PUT":
		return s.putImage(req, id)
	case "DELETE":
		return s.deleteImage(req, id)
	}
	return wrongMethod(allowImage)
}

// answerAll is a route that never worked.
func answerAll(req *request) *reply {
	if req.method != "DELETE" {
		return wrongMethod(allowAll)
	}
	err := fail(unexpected, "undefined method `authorize' for "+object("DeleteAllImages"))
	return rendered(req, rescues{}.of(err))
}

func wrongMethod(allow string) *reply {
	return plainReply(405, []line{{"Allow", allow}}, "")
}

func unknownPath() *reply {
	return plainReply(404, nil, `{"code":404,"message":"Invalid operation or path."}`)
}
