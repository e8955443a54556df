package visserver

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// encodingOf returns the form that a client wants replies in: XML if it prefers
// that to JSON, else JSON.
func encodingOf(r *http.Request) *encoding {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept != "" && quality(accept, "application", "xml") > quality(accept, "application", "json") {
		return &xmlEncoding
	}
	return &jsonEncoding
}

// quality is how much a header Accept wants a media type, 0 to 1. The range that
// describes the type most closely counts (RFC 9110, 12.5.1).
func quality(accept, kind, subtype string) float64 {
	best, closest := 0.0, 0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		closeness := 0
		switch name {
		case kind + "/" + subtype:
			closeness = 3
		case kind + "/*":
			closeness = 2
		case "*/*":
			closeness = 1
		}
		if closeness == 0 || closeness < closest {
			continue
		}
		q, err := strconv.ParseFloat(params["q"], 64)
		if err != nil || q < 0 || q > 1 {
			q = 1
		}
		if closeness > closest {
			best = 0
		}
		best, closest = max(best, q), closeness
	}
	return best
}
