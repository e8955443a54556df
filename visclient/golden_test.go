package visclient_test

import (
	"archive/zip"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// exchanges are the recordings of the original server, see visserver/original.
const exchanges = "../visserver/original/testdata/recordings/exchanges.zip"

// leftOut are recorded requests that no client of ours sends, by what begins their name.
var leftOut = map[string]string{
	"abort-": "a broken request", "unknown-": "no operation", "method-": "no operation", "options": "no operation",
	"delete-all": "the original's operation is broken and not offered", "delete-collection": "no operation",
	"post-id": "no operation", "put-collection": "no operation", "head-collection": "no operation", "head-detail": "no operation",
	"status": "not an operation of the client", "pipelining": "two replies", "get-subpath": "no operation", "get-id-pct-slash": "no operation",
	"get-trailing-slash": "no operation", "hdr-": "a request too large for any client of ours",
	"xml-": "the client asks for JSON", "accept-": "the client asks for JSON", "status-xml": "the client asks for JSON",
	"rubyclient31-": "another client's bug", "conn-": "framing, see the next", "http10": "the client speaks HTTP/1.1",
	"post-others": "others is refused: it is how VIS packs custom attributes", "post-name-empty": "an empty name is refused",
	"auth-meta-underscore": "names with underscores are not sent",
	"query-format-xml":     "XML to a request for JSON: as list-format-nomatch, in another form",
}

// What the original server answered is taken as wire.md says it must be: success as the
// operation's result, anything else as an error of the right kind with the server's words.
func TestRecordedRepliesAreTakenAsWhatTheyAre(t *testing.T) {
	t.Parallel()
	taken, left := 0, 0
	for name, r := range readExchanges(t) {
		if len(r.response) == 0 || isLeftOut(name) {
			left++
			continue
		}
		taken++
		t.Run(name, func(t *testing.T) { r.replay(t) })
	}
	t.Logf("%d recorded replies were taken, %d are left out", taken, left)
	if taken < 200 {
		t.Errorf("only %d recorded replies were taken", taken)
	}
}

func isLeftOut(name string) bool {
	for prefix := range leftOut {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

type exchange struct{ request, response []byte }

func readExchanges(t *testing.T) map[string]exchange {
	t.Helper()
	archive, err := zip.OpenReader(exchanges)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	all := make(map[string]exchange)
	for _, f := range archive.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		name, kind, _ := strings.Cut(f.Name, ".")
		x := all[name]
		if kind == "request" {
			x.request = data
		} else {
			x.response = data
		}
		all[name] = x
	}
	return all
}

// replay has the client send what was asked when the reply was recorded, and answers
// with that reply.
func (x exchange) replay(t *testing.T) {
	req, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(x.request)))
	if err != nil {
		t.Skip("not a request that a client of ours could send:", err)
	}
	want, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(x.response)), req)
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, answering(t, x.response), patience(time.Second))
	err = callOf(t, c, req)
	message := messageOf(want)
	switch kind := kindOf(want.StatusCode); {
	case errors.Is(err, visclient.ErrMismatch) && req.Method != http.MethodHead:
		// The recorded client sent what the original changes, or the recording is cut.
	case errors.Is(err, visclient.ErrInvalid) && want.StatusCode >= 300:
		// Refused before it was sent, as the server would have.
	case want.StatusCode == http.StatusNotFound && req.Method == http.MethodGet && isList(req.URL.Path):
		if err != nil {
			t.Errorf("an empty list is %v", err)
		}
	case kind == nil:
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("success is %v", err)
		}
	case !errors.Is(err, kind):
		t.Errorf("%d is %v, want %q", want.StatusCode, err, kind)
	case !strings.Contains(err.Error(), oneLine(message)):
		t.Errorf("%v lacks the server's words %q", err, message)
	}
}

func isList(path string) bool { return path == "/images" || path == "/images/detail" }

func oneLine(text string) string {
	text = strings.TrimSpace(strings.NewReplacer("\n", " ", "\t", " ", "\r", " ").Replace(text))
	if len(text) > 400 {
		text = text[:400]
	}
	return text
}

func kindOf(status int) error {
	switch {
	case status < 300:
		return nil
	case status == http.StatusBadRequest:
		return visclient.ErrInvalid
	case status == http.StatusForbidden:
		return visclient.ErrForbidden
	case status == http.StatusNotFound:
		return visclient.ErrNotFound
	case status == http.StatusConflict:
		return visclient.ErrConflict
	}
	return visclient.ErrInternal
}

func messageOf(r *http.Response) string {
	if text := r.Header.Get("X-Error-Message"); text != "" || r.Request.Method == http.MethodHead {
		return text
	}
	body, _ := io.ReadAll(r.Body)
	var reply struct{ Message, Error string }
	if json.Unmarshal(body, &reply) != nil {
		return string(body)
	}
	return reply.Message + reply.Error
}

// answering listens and answers every request with the same bytes, once it has read the
// request whole.
func answering(t *testing.T, reply []byte) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				req, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = conn.Write(reply)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// callOf calls the operation that sends such a request.
func callOf(t *testing.T, c *visclient.Client, req *http.Request) error {
	t.Helper()
	id := meta.ID(strings.TrimPrefix(req.URL.Path, "/images/"))
	sent := meta.FieldsFromHeader(req.Header)
	body, err := io.ReadAll(req.Body)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	var data io.Reader
	if len(body) > 0 {
		data = bytes.NewReader(body)
	}
	switch {
	case req.Method == http.MethodHead:
		_, err = c.HeadImage(t.Context(), id)
	case req.Method == http.MethodPost:
		_, err = c.PostImage(t.Context(), sent, data)
	case req.Method == http.MethodPut:
		_, err = c.PutImage(t.Context(), id, sent, data)
	case req.Method == http.MethodDelete:
		_, err = c.DeleteImage(t.Context(), id)
	case strings.TrimSuffix(req.URL.Path, "/") == "/images":
		_, err = c.GetImages(t.Context(), req.URL.Query())
	case req.URL.Path == "/images/detail":
		_, err = c.GetImagesDetail(t.Context(), req.URL.Query())
	default:
		var image *visclient.Body
		if image, err = c.GetImage(t.Context(), id, visclient.Range{}); err == nil {
			_, err = io.Copy(io.Discard, image)
			_ = image.Close()
		}
	}
	return err
}
