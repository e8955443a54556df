package visclient_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visclient"
)

// endless sends start and then more for ever, or until the client goes or has
// taken most bytes. A request's bytes are counted in what it finds in sent: replies go on for a
// moment after the client has given them up.
func endless(code int, start, more string, most int64, sent *atomic.Pointer[atomic.Int64]) http.HandlerFunc {
	block := strings.Repeat(more, max(1, 64<<10/len(more)))
	return func(w http.ResponseWriter, r *http.Request) {
		sent := sent.Load()
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Image-Meta-_id", string(someID))
		w.WriteHeader(code)
		if r.Method == http.MethodHead {
			return // the body would be counted, and not be sent
		}
		_, _ = io.WriteString(w, start)
		for sent.Load() < most {
			n, err := io.WriteString(w, block)
			if sent.Add(int64(n)); err != nil {
				return
			}
		}
	}
}

func TestEndlessReplyIsGivenUp(t *testing.T) {
	t.Parallel()
	const (
		oneImage = 32 << 20 // more than that is no image, nor an error's words
		aList    = 128 << 20
		maxList  = 16 << 20
	)
	name := strings.Repeat("n", 16<<10)
	for _, row := range []struct {
		what        string
		code        int
		start, more string
		most        int64
		except      string // operations that take no such reply
	}{
		{"error words", 403, "", "x", oneImage, "head image"},
		{"error JSON", 403, `{"message":"`, "x", oneImage, "head image"},
		{"one value", 200, `{"image":{"_id":"`, "x", oneImage, "head image, get image, list images, list images in detail"},
		{"blanks", 200, " ", " ", oneImage, "head image, get image"},
		{"one value in a list", 200, `{"images":[{"_id":"`, "x", oneImage, "head image, get image"},
		{"a list", 200, `{"images":[{"_id":"x"}`, `,{"_id":"x","name":"` + name + `"}`, aList, "head image, get image"},
		{"nesting", 200, `{"images":[{"_id":`, "[", oneImage, "head image, get image"},
		{"nested objects", 200, `{"image":`, `{"image":`, oneImage, "head image, get image"},
	} {
		var count atomic.Pointer[atomic.Int64]
		c, f := serve(t, endless(row.code, row.start, row.more, row.most, &count), patience(time.Second), func(o *visclient.Options) { o.MaxListBytes = maxList })
		for what, do := range operations(t, c, someID) {
			if strings.Contains(row.except, what) {
				continue
			}
			sent := new(atomic.Int64)
			count.Store(sent)
			f.seen()
			err := do()
			tries := int64(max(1, len(f.seen())))
			if each := sent.Load() / tries; err == nil || each >= row.most/2 {
				t.Errorf("%s, endless %s: %v after %d MiB", what, row.what, short80(err), each>>20)
			}
		}
	}
}

func short80(err error) string {
	text := fmt.Sprint(err)
	return text[:min(80, len(text))]
}

func TestEndlessHeadersAreGivenUp(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("X-Image-Meta-_id", string(someID))
		w.Header().Set("X-Image-Meta-Name", strings.Repeat("x", 1<<20))
	}), patience(short))
	for what, do := range operations(t, c, someID) {
		if err := do(); err == nil {
			t.Errorf("%s: 1 MiB of headers were taken", what)
		}
	}
}

func TestDeepNestingIsAnError(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"a":`, 1<<20)
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = io.WriteString(w, `{"images":[{"_id":"x","others":`+deep)
	}), patience(short))
	for what, do := range operations(t, c, someID) {
		if err := do(); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

// evil clears the screen, sets the title, and ends in the 8-bit form of an escape.
const evil = "\x1b[2J\x1b]0;owned\a\u009b31m\r\nroot# "

// evilJSON is evil as JSON writes it.
const evilJSON = `\u001b[2J\u001b]0;owned\u0007\u009b31m\r\nroot# `

func TestErrorTextHasNoTerminalEscapes(t *testing.T) {
	t.Parallel()
	raw := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, rw, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			defer conn.Close()
			_, _ = io.WriteString(rw, text)
			_ = rw.Flush()
		}
	}
	body := func(code int, text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.WriteHeader(code)
			_, _ = io.WriteString(w, text)
		}
	}
	oneLine := strings.NewReplacer("\r\n", "").Replace(evil)
	head := "HTTP/1.1 %s\r\nContent-Length: 0\r\n%s\r\n\r\n"
	for what, h := range map[string]http.HandlerFunc{
		"message":              body(403, `{"message":"`+evilJSON+`"}`),
		"error":                body(400, `{"error":"`+evilJSON+`"}`),
		"text":                 body(403, evil),
		"x-error-message":      raw(fmt.Sprintf(head, "403 Forbidden", "x-error-message: "+oneLine)),
		"location":             raw(fmt.Sprintf(head, "302 Found", "Location: http://"+oneLine)),
		"id in a header":       raw(fmt.Sprintf(head, "200 OK", "x-image-meta-_id: "+oneLine)),
		"size in a header":     raw(fmt.Sprintf(head, "200 OK", "x-image-meta-size: "+oneLine)),
		"content-range":        raw(fmt.Sprintf(head, "206 Partial Content", "x-image-meta-_id: "+string(someID)+"\r\nContent-Range: "+oneLine)),
		"reason":               raw(fmt.Sprintf(head, "403 "+oneLine, "a: b")),
		"status line":          raw(oneLine + "\r\n\r\n"),
		"status code":          raw("HTTP/1.1 " + oneLine + "\r\n\r\n"),
		"header without colon": raw("HTTP/1.1 200 OK\r\n" + oneLine + "\r\n\r\n"),
		"header name":          raw("HTTP/1.1 200 OK\r\n" + oneLine + ": x\r\n\r\n"),
		"content-length":       raw("HTTP/1.1 200 OK\r\nContent-Length: " + oneLine + "\r\n\r\n"),
		"transfer-encoding":    raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: " + oneLine + "\r\n\r\n"),
		"key of a list":        body(200, `{"`+evilJSON+`":1}`),
		"key of an image":      body(200, `{"images":[{"_id":"x","`+evilJSON+`":"\ud800"}],"image":{"_id":"x","size":"`+evilJSON+`"}}`),
		"no JSON":              body(200, evil),
		"time":                 body(200, `{"images":[{"_id":"x","created_at":"`+evilJSON+`"}],"image":{"_id":"x","created_at":"`+evilJSON+`"}}`),
		"checksum":             body(200, `{"image":{"_id":"x","status":"available","size":4,"checksum":"`+evilJSON+`"}}`),
		"status":               body(200, `{"image":{"_id":"x","status":"`+evilJSON+`"}}`),
	} {
		c, _ := serve(t, h, patience(150*time.Millisecond)) // what is asked again fails the same way
		for name, do := range operations(t, c, someID) {
			checkPrintable(t, name+", "+what, do())
		}
		_, err := c.GetImage(t.Context(), someID, visclient.Range{Offset: 5, Length: 5})
		checkPrintable(t, "get range, "+what, err)
		checkPrintable(t, "check access, "+what, c.CheckAccess(t.Context()))
	}
}

func checkPrintable(t testing.TB, what string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, r := range err.Error() {
		if r < 0x20 && r != '\n' || r >= 0x7f && r < 0xa0 { // errors.Join writes line breaks of its own
			t.Errorf("%s: %q", what, err)
			return
		}
	}
}

func TestIDsFromAListAreHarmless(t *testing.T) {
	t.Parallel()
	for what, id := range map[string]string{
		"escapes": evilJSON, "parent": "../status", "collection": "x/../../all", "query": "x?y=z", "blank": " ", "long": strings.Repeat("x", 300),
		"detail": "detail",
	} {
		c, f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodGet {
				_, _ = io.WriteString(w, `{"images":[{"_id":"`+id+`"}]}`)
				return
			}
			w.WriteHeader(403)
		}), patience(time.Second))
		_, err := c.DeleteByQuery(t.Context(), nil)
		checkPrintable(t, what, err)
		var e *visclient.Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", what, err)
		}
		for _, r := range f.seen() {
			if segment, ok := strings.CutPrefix(r.URL.EscapedPath(), "/images/"); r.Method == http.MethodDelete && (!ok || strings.Contains(segment, "/") || r.URL.RawQuery != "") {
				t.Errorf("id %q: DELETE %s is another path than that of an image", id, r.URL)
			}
		}
	}
}
