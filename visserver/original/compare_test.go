package original

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httputil"
	"os"
	"regexp"
	"strings"
)

var addresses = regexp.MustCompile(`0x[0-9a-f]{16}`)

// compare reads the reply and compares it.
func (st *stage) compare(r recording, in *bufio.Reader) {
	st.t.Helper()
	want := st.local(r.response)
	if r.name == "get-loc-http" {
		st.compareProxied(want, in)
		return
	}
	got := make([]byte, len(want))
	n, err := io.ReadFull(in, got)
	if err != nil && len(want) > 0 {
		st.t.Errorf("%s: reply of %d bytes ends early: %v", r.name, n, err)
	}
	got = addresses.ReplaceAll(got[:n], []byte("0x"))
	if want = addresses.ReplaceAll(want, []byte("0x")); !bytes.Equal(got, want) {
		st.t.Fatalf("%s: reply differs\n got %.3000q\nwant %.3000q", r.name, got, want)
	}
	if body := st.cutBody(r); body > 0 {
		head, _ := split(want)
		rest, err := io.Copy(io.Discard, in)
		if total := int64(len(want)-len(head)) + rest; err != nil || total != body {
			st.t.Errorf("%s: body of %d bytes, not %d, with its chunks (%v)", r.name, total, body, err)
		}
	}
}

var rawBytes = regexp.MustCompile(`(\d+) raw bytes came`)

// cutBody is the size in bytes, with chunks, of a reply's body that was cut in the
// recording; 0 if it was not.
func (st *stage) cutBody(r recording) int64 {
	size := int64(r.cut("response"))
	if m := rawBytes.FindStringSubmatch(r.description); m != nil { // the whole reply, while what was cut had been cut before
		head, _ := split(r.response)
		if _, err := fmt.Sscan(m[1], &size); err != nil {
			st.t.Fatal(err)
		}
		size -= int64(len(head))
	}
	return size
}

// compareProxied compares without regard to chunks.
func (st *stage) compareProxied(want []byte, in *bufio.Reader) {
	st.t.Helper()
	head, _ := split(want)
	got := make([]byte, len(head))
	if _, err := io.ReadFull(in, got); err != nil || !bytes.Equal(got, head) {
		st.t.Fatalf("head differs (%v)\n got %q\nwant %q", err, got, head)
	}
	body, err := io.ReadAll(httputil.NewChunkedReader(in))
	if err != nil || !bytes.Equal(body, webFileData(st.t)) {
		st.t.Errorf("proxied body of %d bytes differs (%v)", len(body), err)
	}
	_, _ = in.Discard(len("\r\n"))
}

// checkOpen checks whether the connection is as the recording left it.
func (st *stage) checkOpen(r recording, c net.Conn, in *bufio.Reader) {
	st.t.Helper()
	head, _ := split(r.request)
	closed := len(r.response) == 0 ||
		strings.Contains(r.description, "server closed connection") ||
		headerValue(head, "Connection") == "close" ||
		headerValue(st.local(r.response), "Transfer-Encoding") != ""
	if closed {
		if rest, err := io.ReadAll(in); len(rest) > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
			st.t.Errorf("%s: the connection goes on with %q (%v)", r.name, rest, err)
		}
		return
	}
	if _, err := io.WriteString(c, "GET /status HTTP/1.1\r\n\r\n"); err != nil {
		st.t.Errorf("%s: the connection is closed: %v", r.name, err)
		return
	}
	if line, err := in.ReadString('\n'); line != "HTTP/1.1 200 OK\r\n" {
		st.t.Errorf("%s: the connection gives %q (%v), not another reply", r.name, line, err)
	}
}
