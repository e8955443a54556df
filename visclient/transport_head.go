package visclient

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
)

var headEnd = []byte("\r\n\r\n")

// plainReply reads the head of the reply that nearly every GET of an image has: 200 or
// 206, a Content-Length, and nothing that says how to read it otherwise. It takes a
// fraction of the time of http.ReadResponse, which gives the same for such a head, and
// reads all others. The first result is nil for these; nothing is read then.
func (c *conn) plainReply(req *http.Request) (*http.Response, error) {
	if req.Method != http.MethodGet {
		return nil, nil
	}
	if _, err := c.in.Peek(1); err != nil {
		return nil, err
	}
	came, _ := c.in.Peek(c.in.Buffered())
	size := bytes.Index(came, headEnd)
	if size < 0 {
		return nil, nil
	}
	c.out = append(c.out[:0], came[:size+2]...) // the request is sent, its room is free
	resp := parsePlain(c.out)
	if resp == nil {
		return nil, nil
	}
	resp.Request = req
	_, err := c.in.Discard(size + len(headEnd))
	return resp, err
}

// headerLine is where a header line has its parts.
type headerLine struct{ start, colon, end int }

// parsePlain parses a head without its last, empty line. It changes the names in it to
// the form that they have in an http.Header. A head that is not plain gives nil.
func parsePlain(head []byte) *http.Response {
	const proto = "HTTP/1.1 "
	first := bytes.IndexByte(head, '\n') - 1
	if !bytes.HasPrefix(head, []byte(proto+"200 ")) && !bytes.HasPrefix(head, []byte(proto+"206 ")) || head[first] != '\r' {
		return nil
	}
	lines := make([]headerLine, 0, 32) // does not leave the stack
	for at := first + len("\r\n"); at < len(head); {
		end := at + bytes.IndexByte(head[at:], '\n') - 1
		colon := at + canonize(head[at:max(at, end)])
		if colon < at || head[end] != '\r' {
			return nil
		}
		lines = append(lines, headerLine{at, colon, end})
		at = end + len("\r\n")
	}
	text := string(head) // names and values are parts of it
	resp := &http.Response{
		Status: text[len(proto):first], StatusCode: 200 + int(head[11]-'0'),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: headerOf(text, lines),
	}
	if !takeLength(resp) {
		return nil
	}
	return resp
}

// canonize finds the colon of a header line, and gives the name before it the form of
// textproto.CanonicalMIMEHeaderKey. It returns -1 for a line that is not plain.
func canonize(line []byte) int {
	upper := true
	for i, b := range line {
		switch {
		case b == ':':
			if i == 0 || !isPlain(line[i+1:]) {
				return -1
			}
			return i
		case !isTokenByte[b]:
			return -1
		case upper && 'a' <= b && b <= 'z':
			line[i] = b - 'a' + 'A'
		case !upper && 'A' <= b && b <= 'Z':
			line[i] = b - 'A' + 'a'
		}
		upper = b == '-'
	}
	return -1
}

// isPlain reports whether a value can be that of a header.
func isPlain[T string | []byte](value T) bool {
	for i := range len(value) {
		if b := value[i]; b < ' ' && b != '\t' || b == 0x7f {
			return false
		}
	}
	return true
}

func headerOf(text string, lines []headerLine) http.Header {
	h := make(http.Header, len(lines))
	values := make([]string, len(lines)) // one piece of memory for all
	for i, line := range lines {
		name, value := text[line.start:line.colon], strings.Trim(text[line.colon+1:line.end], " \t")
		if earlier, ok := h[name]; ok {
			h[name] = append(earlier, value)
			continue
		}
		values[i] = value
		h[name] = values[i : i+1 : i+1]
	}
	return h
}

// takeLength sets how long the body is. It reports false when that takes more than to
// read one plain number, or when the connection may end with the reply.
func takeLength(resp *http.Response) bool {
	for _, name := range []string{"Transfer-Encoding", "Trailer", "Pragma"} {
		if _, ok := resp.Header[name]; ok {
			return false
		}
	}
	if connection, ok := resp.Header["Connection"]; ok && (len(connection) != 1 || !strings.EqualFold(connection[0], "keep-alive")) {
		return false
	}
	length := resp.Header["Content-Length"]
	if len(length) != 1 {
		return false
	}
	n, err := strconv.ParseUint(length[0], 10, 63)
	resp.ContentLength = int64(n)
	return err == nil && n > 0 // a body of no bytes is http.NoBody
}

// isTokenByte tells what the name of a header can be made of.
var isTokenByte = func() (is [256]bool) {
	for _, b := range []byte("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
		is[b] = true
	}
	return is
}()
