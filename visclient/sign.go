package visclient

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the protocol's choice
	"encoding/base64"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// sign adds the Authorization header. The Date header must be set.
func sign(req *http.Request, accessKey, secretKey string) {
	mac := hmac.New(sha1.New, []byte(secretKey))
	mac.Write([]byte(stringToSign(req)))
	signature := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	req.Header.Set("Authorization", "VISOR "+accessKey+":"+signature)
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
	attributes := meta.FieldsFromHeader(req.Header)
	for _, name := range slices.Sorted(maps.Keys(attributes)) { // by name: "a" before "a-b"
		lines = append(lines, meta.HeaderName(name)+":"+strings.TrimSpace(attributes[name]))
	}
	return strings.Join(append(lines, req.URL.EscapedPath()), "\n")
}
