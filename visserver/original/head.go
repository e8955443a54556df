package original

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// maxHeadBytes is the limit of the C parser that VIS used: a longer head ends the
// connection.
const maxHeadBytes = 80 << 10

// methods are those that the parser knew; PATCH is younger.
var methods = strings.Fields("DELETE GET HEAD POST PUT CONNECT OPTIONS TRACE COPY LOCK MKCOL MOVE " +
	"PROPFIND PROPPATCH UNLOCK REPORT MKACTIVITY CHECKOUT MERGE")

// request is one request. Its body has arrived when a route sees it.
type request struct {
	method string
	path   string // as sent, still encoded
	params params // of the query
	header header
	body   *upload // nil if not a byte came

	http10  bool
	length  int64 // bytes of the body; -1 if not given
	chunked bool
}

// keepAlive reports whether the connection serves another request after this one.
func (r *request) keepAlive() bool {
	connection := strings.ToLower(r.header.folded("Connection"))
	if r.http10 {
		return connection == "keep-alive"
	}
	return connection != "close"
}

var errHeadTooLong = errors.New("request head over 80 KiB")

// readHead reads up to the empty line that ends a request's head.
func readHead(in *bufio.Reader) ([]byte, error) {
	var head []byte
	for lineStart := 0; ; {
		part, err := in.ReadSlice('\n')
		head = append(head, part...)
		if len(head) > maxHeadBytes {
			return nil, errHeadTooLong
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return nil, err
		}
		empty := len(bytes.TrimRight(head[lineStart:], "\r\n")) == 0
		switch {
		case empty && lineStart > 0:
			return head, nil
		case empty: // before the request line
			head = head[:0]
		default:
			lineStart = len(head)
		}
	}
}

// parseHead makes a request of its head. The rules for well-formed heads and for
// the framing of bodies are those of net/http.
func parseHead(head []byte) (*request, error) {
	parsed, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
	if err != nil {
		return nil, err
	}
	if !slices.Contains(methods, parsed.Method) {
		return nil, fmt.Errorf("unknown method %q", parsed.Method)
	}
	if parsed.ProtoMajor != 1 {
		return nil, fmt.Errorf("unknown protocol %q", parsed.Proto)
	}
	lines := strings.SplitAfter(string(head), "\n")
	req := &request{
		method:  parsed.Method,
		path:    pathOfTarget(parsed.RequestURI),
		params:  parseParams(parsed.URL.RawQuery),
		header:  parseHeader(lines[1:]),
		http10:  parsed.ProtoMinor == 0,
		length:  parsed.ContentLength,
		chunked: slices.Contains(parsed.TransferEncoding, "chunked"),
	}
	return req, nil
}

// pathOfTarget is the path of a request's target as it was sent, which is signed.
func pathOfTarget(target string) string {
	if _, rest, isURL := strings.Cut(target, "://"); isURL && !strings.HasPrefix(target, "/") {
		target = rest[max(0, strings.IndexByte(rest, '/')):]
	}
	if end := strings.IndexAny(target, "?#"); end >= 0 {
		target = target[:end]
	}
	return target
}

// params are the parameters of a query: of a repeated one the last value counts,
// at the place of the first.
type params hash

func parseParams(query string) params {
	var p hash
	for part := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' }) {
		key, value, _ := strings.Cut(part, "=")
		p = p.with(unescapeQuery(key), unescapeQuery(value))
	}
	return params(p)
}

// unescapeQuery leaves alone what is no encoding, as Rack did.
func unescapeQuery(s string) string {
	if text, err := url.QueryUnescape(s); err == nil {
		return text
	}
	return s
}

func (p params) get(name string) string {
	value, _ := hash(p).text(name)
	return value
}
