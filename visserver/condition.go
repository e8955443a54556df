package visserver

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"

	"github.com/visorfs/visorfs/meta"
)

// stateTag returns the ETag of a list, which is another whenever the list may be: after
// each change of a record, and in each run of the server. It is of one user, query and
// form, as the list is. Where the order or the choice depends on how often images were
// read there is none: reads are no changes.
func (s *Server) stateTag(c call, q query, e *encoding, state uint64) string {
	if !q.sort.InDetail {
		return ""
	}
	for name := range q.filters {
		if a, known := meta.Lookup(name); known && !a.InDetail {
			return ""
		}
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %q %q %q", s.run, state, c.user, e.contentType, c.URL.RequestURI()))
	return `"` + hex.EncodeToString(sum[:16]) + `"`
}

// isKnown reports whether a request says that its sender has what the ETag is of.
func isKnown(r *http.Request, tag string) bool {
	if tag == "" {
		return false
	}
	for known := range strings.SplitSeq(strings.Join(r.Header.Values("If-None-Match"), ","), ",") {
		if strings.TrimPrefix(strings.TrimSpace(known), "W/") == tag {
			return true
		}
	}
	return false
}
