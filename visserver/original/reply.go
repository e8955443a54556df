package original

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
)

// The names under which VIS was seen.
const (
	serverRendered = "PostRank Goliath API Server" // replies that went through the renderer
	serverPlain    = "Goliath"
)

// line is one header field of a reply.
type line struct{ name, value string }

// reply is what goes back to the client, the Date excepted.
type reply struct {
	status int
	header []line // in the order of the original; empty values are not sent
	body   []byte

	// stream, if set, sends the body in chunks after the head. It returns an error
	// where the original broke off. The connection closes in any case.
	stream func(chunks io.Writer) error
}

// plainReply is a reply past the renderer. Its body is sent even to a HEAD.
func plainReply(status int, header []line, body string) *reply {
	header = append(header,
		line{"Content-Length", strconv.Itoa(len(body))},
		line{"Server", serverPlain})
	return &reply{status: status, header: header, body: []byte(body)}
}

// streamReply sends a body in chunks, to HTTP/1.0 clients too.
func streamReply(header []line, stream func(io.Writer) error) *reply {
	header = append(header, line{"Transfer-Encoding", "chunked"}, line{"Server", serverPlain})
	return &reply{status: 200, header: header, stream: stream}
}

// writeTo sends the reply. Every status line says HTTP/1.1, and nothing ever
// announces that a connection closes.
func (r *reply) writeTo(w io.Writer, date string) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", r.status, http.StatusText(r.status))
	for _, l := range append(r.header, line{"Date", date}) {
		for part := range strings.SplitSeq(l.value, "\n") { // Goliath split values so
			if part = strings.TrimSuffix(part, "\r"); part != "" {
				b.WriteString(l.name + ": " + part + "\r\n")
			}
		}
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	if _, err := w.Write(b.Bytes()); err != nil {
		return err
	}
	if r.stream == nil {
		return nil
	}
	if err := r.stream(chunkWriter{w}); err != nil {
		return err
	}
	_, err := io.WriteString(w, "0\r\n\r\n")
	return err
}

// chunkWriter writes each block it is given as one chunk.
type chunkWriter struct{ w io.Writer }

// chunkOverhead is the size of a block's chunk beyond the block.
func chunkOverhead(blockSize int64) int64 {
	return int64(len(strconv.FormatInt(blockSize, 16))) + int64(len("\r\n\r\n"))
}

func (c chunkWriter) Write(block []byte) (int, error) {
	if len(block) == 0 {
		return 0, nil // an empty chunk would end the body
	}
	chunk := net.Buffers{fmt.Appendf(nil, "%x\r\n", len(block)), block, []byte("\r\n")}
	if _, err := chunk.WriteTo(c.w); err != nil {
		return 0, err
	}
	return len(block), nil
}

// metaLines is an image as header fields. Those without a value are not sent.
func metaLines(img hash) []line {
	var lines []line
	for _, p := range img {
		lines = append(lines, line{"x-image-meta-" + strings.ToLower(p.key), toText(p.value)})
	}
	return lines
}
