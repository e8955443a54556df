package original

import (
	"io"
	"net/url"
	"strings"
)

// backend is a kind of store, as the original's classes of that name.
type backend interface {
	// check fails if there is no file at a location.
	check(location string) error
	// stream writes the file at a location, block by block. An error means that the
	// original broke off; what cannot be read is the end of the file.
	stream(location string, w io.Writer) error
	// save begins to store a body, which it takes over, and returns where.
	save(id, format string, body *upload) (location string, err error)
	// remove deletes the file at a location.
	remove(location string) error
}

var (
	_ backend = (*fileStore)(nil)
	_ backend = (*webStore)(nil)
	_ backend = brokenStore("")
)

// backend returns the store that a location, or else the name of a store, names.
func (s *Server) backend(locationOrName string) (backend, error) {
	if strings.ContainsFunc(locationOrName, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, fail(unexpected, "bad URI(is not URI?): "+inspect(locationOrName))
	}
	name, _, isURI := strings.Cut(locationOrName, ":")
	if isURI {
		name = strings.ToLower(name)
	}
	switch name {
	case "file":
		return s.store, nil
	case "http":
		return s.web, nil
	case "s3", "cumulus", "walrus", "hdfs", "lunacloud":
		return brokenStore(name), nil
	}
	return nil, fail(unsupportedStore, "The store '"+name+"' is not supported")
}

func notFoundAt(place string) error { return fail(notFound, "No image file found at "+place) }

// brokenStore is one whose library is missing, as it was where the original was
// recorded.
type brokenStore string

func (b brokenStore) fail() error {
	class := strings.ToUpper(string(b[:1])) + string(b[1:])
	if b == "hdfs" {
		class = "HDFS"
	}
	return fail(unexpected, "uninitialized constant Visor::Image::Store::"+class+"::S3restful")
}

func (b brokenStore) check(string) error                          { return b.fail() }
func (b brokenStore) stream(string, io.Writer) error              { return b.fail() }
func (b brokenStore) save(_, _ string, _ *upload) (string, error) { return "", b.fail() }
func (b brokenStore) remove(string) error                         { return b.fail() }

// pathOf is the path of a location as it is written: nothing in it is decoded.
func pathOf(location string) string {
	u, err := url.Parse(location)
	if err != nil {
		return ""
	}
	return u.EscapedPath()
}
