package visserver

import (
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/visorfs/visorfs/meta"
)

const imagesPath = "/images"

// call is one request of a known user.
type call struct {
	*http.Request
	user string  // access key
	id   meta.ID // the image that the path names, as the client wrote it
}

// handler answers a call, or returns the error to answer with.
type handler func(http.ResponseWriter, call) error

type methods map[string]handler

type routes struct{ collection, detail, image methods }

func (s *Server) newRoutes() routes {
	return routes{
		collection: methods{"GET": s.listBrief, "POST": s.postImage},
		detail:     methods{"GET": s.listDetail},
		image:      methods{"HEAD": s.getImage, "GET": s.getImage, "PUT": s.putImage, "DELETE": s.deleteImage},
	}
}

// match returns the methods of a path, nil if it is unknown, and the image it names.
func (t routes) match(path string) (methods, meta.ID) {
	rest, ok := strings.CutPrefix(path, imagesPath)
	if !ok {
		return nil, ""
	}
	switch rest {
	case "", "/":
		return t.collection, ""
	case "/detail":
		return t.detail, ""
	}
	id, ok := strings.CutPrefix(rest, "/")
	if !ok || strings.Contains(id, "/") {
		return nil, ""
	}
	return t.image, meta.ID(id)
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	seen := &observed{ResponseWriter: w, status: http.StatusOK}
	r = s.counts.receiving(r)
	var user string
	defer func(start time.Time) { // deferred, as sendWhole may panic
		s.counts.answered(s.routes.operation(r), seen, time.Since(start))
		// The path without its query, and no header: those may be secrets.
		s.access.LogAttrs(r.Context(), s.accessLevel, "request",
			slog.String("method", r.Method), slog.String("path", r.URL.Path),
			slog.Int("status", seen.status), slog.Int64("bytes", seen.bytes),
			slog.Duration("duration", time.Since(start)), slog.String("user", user), slog.String("remote", r.RemoteAddr))
	}(time.Now())
	if r.ContentLength != 0 {
		s.uploads.watch(seen)
	}
	var err error
	if user, err = s.dispatch(seen, r); err != nil {
		s.fail(seen, r, err)
	}
}

// dispatch calls the handler of a request. A path or method that does not exist
// is said to be so to anyone, as the original does.
func (s *Server) dispatch(w http.ResponseWriter, r *http.Request) (user string, err error) {
	if r.URL.Path == "/status" {
		return "", methods{"GET": status}.serve(w, call{Request: r})
	}
	found, id := s.routes.match(r.URL.Path)
	if found == nil {
		return "", refuse(http.StatusNotFound, "Invalid operation or path.")
	}
	if found[r.Method] != nil {
		if user, err = s.authenticate(r); err != nil {
			return "", err
		}
	}
	return user, found.serve(w, call{Request: r, user: user, id: id})
}

func (m methods) serve(w http.ResponseWriter, c call) error {
	if handle := m[c.Method]; handle != nil {
		return handle(w, c)
	}
	w.Header().Set("Allow", strings.Join(slices.Sorted(maps.Keys(m)), ", "))
	w.Header().Set("Content-Length", "0")
	w.WriteHeader(http.StatusMethodNotAllowed)
	return nil
}

func status(w http.ResponseWriter, _ call) error {
	_, _ = io.WriteString(w, "OK") // whoever asked has gone if this fails
	return nil
}

// observed notes what the access log says of a reply.
type observed struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (o *observed) WriteHeader(status int) {
	o.status = status
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(p []byte) (int, error) {
	n, err := o.ResponseWriter.Write(p)
	o.bytes += int64(n)
	return n, err
}

// ReadFrom keeps net/http's way to sendfile(2) open.
func (o *observed) ReadFrom(src io.Reader) (int64, error) {
	n, err := io.Copy(o.ResponseWriter, src)
	o.bytes += n
	return n, err
}

// Unwrap is for [http.ResponseController].
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
