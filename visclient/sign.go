package visclient

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the protocol's choice
	"encoding/base64"
	"hash"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/visorfs/visorfs/meta"
)

// signer signs the requests of one user. It is safe for concurrent use.
type signer struct {
	accessKey string
	macs      sync.Pool // of hash.Hash: to begin with a key takes longer than to sign with it
}

func newSigner(accessKey, secretKey string) *signer {
	s := &signer{accessKey: accessKey}
	s.macs.New = func() any { return hmac.New(sha1.New, []byte(secretKey)) }
	return s
}

// sign adds the Authorization header. The Date header must be set.
func (s *signer) sign(req *http.Request) {
	mac := s.macs.Get().(hash.Hash)
	defer s.macs.Put(mac)
	mac.Reset()
	mac.Write([]byte(stringToSign(req)))
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	req.Header.Set("Authorization", "VISOR "+s.accessKey+":"+signature)
}

// stringToSign lists what the signature covers: the method, the headers that
// say what the body is and when it was sent, the metadata in alphabetical order,
// and the path without its query.
func stringToSign(req *http.Request) string {
	lines := []string{
		req.Method,
		strings.TrimSpace(req.Header.Get("Content-Md5")),
		strings.TrimSpace(req.Header.Get("Content-Type")),
		strings.TrimSpace(req.Header.Get("Date")),
	}
	var attributes meta.Fields
	if hasAttributes(req.Header) {
		attributes = meta.FieldsFromHeader(req.Header)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) { // by name: "a" before "a-b"
		lines = append(lines, meta.HeaderName(name)+":"+strings.TrimSpace(attributes[name]))
	}
	return strings.Join(append(lines, req.URL.EscapedPath()), "\n")
}

// hasAttributes reports whether there are any: reads have none.
func hasAttributes(h http.Header) bool {
	for name := range h {
		if isAttribute(name) {
			return true
		}
	}
	return false
}
