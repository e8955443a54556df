package visclient_test

import (
	"bufio"
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

func TestEveryRequestHasTheHeadersOfVIS(t *testing.T) {
	t.Parallel()
	authorization := regexp.MustCompile(`^VISOR foo:[A-Za-z0-9+/]{27}=$`)
	for _, agent := range []string{"", "tester/1.0"} {
		want := agent
		if want == "" {
			want = "visorfs"
		}
		c, f := serve(t, liar(honest), func(o *visclient.Options) { o.UserAgent = agent })
		for what, do := range operations(t, c, someID) {
			f.seen()
			_ = do()
			for _, r := range f.seen() {
				if got := r.Header["Accept"]; len(got) != 1 || got[0] != "application/json" {
					t.Errorf("%s: Accept %q", what, got)
				}
				if got := r.Header.Get("User-Agent"); got != want {
					t.Errorf("%s: User-Agent %q", what, got)
				}
				date, err := http.ParseTime(r.Header.Get("Date"))
				if age := time.Since(date).Abs(); err != nil || age > time.Minute {
					t.Errorf("%s: Date %q, %v", what, r.Header.Get("Date"), err)
				}
				if got := r.Header.Get("Authorization"); !authorization.MatchString(got) {
					t.Errorf("%s: Authorization %q", what, got)
				}
				if got := r.Header["Accept-Encoding"]; got != nil {
					t.Errorf("%s: Accept-Encoding %q", what, got)
				}
				data := strings.HasSuffix(what, ", data")
				if got := r.Header.Get("Content-Type"); (got == "application/octet-stream") != data || !data && got != "" {
					t.Errorf("%s: Content-Type %q", what, got)
				}
				if got := strings.Join(r.TransferEncoding, ","); (got == "chunked") != data {
					t.Errorf("%s: Transfer-Encoding %q", what, got)
				}
				if got := r.Header.Get("X-Image-Meta-Store"); (got == "file") != data {
					t.Errorf("%s: store %q", what, got)
				}
			}
		}
	}
}

func TestGetImageKeepsConnectionsOnlyOfServersThatDo(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		server string
		closes []bool // of the first and of the second GET
	}{
		{"", []bool{true, false}},
		{"nginx", []bool{true, false}},
		{"Goliath", []bool{true, true}},
		{"PostRank Goliath API Server", []bool{true, true}},
	} {
		c, f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if row.server != "" {
				w.Header().Set("Server", row.server)
			}
			liar(honest)(w, r)
		}))
		for i, want := range row.closes {
			body, err := c.GetImage(t.Context(), someID, visclient.Range{})
			read(t, body, err)
			if r := f.seen()[0]; r.Close != want {
				t.Errorf("server %q: GET %d asks for close: %t, want %t", row.server, i+1, r.Close, want)
			}
		}
		want := row.closes[1]
		if _, err := c.HeadImage(t.Context(), someID); err != nil || f.seen()[0].Close != want {
			t.Errorf("server %q: HEAD: %v; want it to ask for close: %t", row.server, err, want)
		}
	}
}

// hangsUp answers as the original does, which drops the connection after an
// image's data without having said so (wire.md, section 1).
func hangsUp(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet && r.URL.Path != "/images" {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		sendOriginalData(rw.Writer, r)
		return
	}
	w.Header().Set("Server", "PostRank Goliath API Server")
	hash := md5.New()
	size, _ := io.Copy(hash, r.Body)
	img := &meta.Image{ID: someID, Status: meta.Available, Size: size, Checksum: hex.EncodeToString(hash.Sum(nil))}
	_ = img.Apply(meta.FieldsFromHeader(r.Header))
	replyWith(w, img)
}

func sendOriginalData(w *bufio.Writer, r *http.Request) {
	_, _ = fmt.Fprintf(w, "HTTP/1.1 200 OK\r\nServer: Goliath\r\nX-Stream: Goliath\r\nx-image-meta-_id: %s\r\n", someID)
	_, _ = io.WriteString(w, "Content-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndata\r\n0\r\n\r\n")
	_ = w.Flush()
	time.Sleep(200 * time.Microsecond) // time for the client to think that the connection is good
}

func TestNoUploadFailsAfterADownloadFromTheOriginal(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.HandlerFunc(hangsUp))
	failed := 0
	for range 200 {
		body, err := c.GetImage(t.Context(), someID, visclient.Range{})
		if got := read(t, body, err); got != "data" {
			t.Fatalf("read %q", got)
		}
		if _, err := c.PutImage(t.Context(), someID, nil, strings.NewReader("other data")); err != nil {
			failed++
			t.Log(err)
		}
		if _, err := c.PostImage(t.Context(), fields("x"), nil); err != nil {
			failed++
			t.Log(err)
		}
	}
	if failed != 0 {
		t.Errorf("%d of 400 changes failed", failed)
	}
}

// The original sends a body after the head of a HEAD that ends in 500.
func TestHeadWithABodyDoesNotSpoilTheNextRequest(t *testing.T) {
	t.Parallel()
	broken := func(w http.ResponseWriter, _ *http.Request) {
		conn, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		body := `{"error":"oops"}`
		_, _ = fmt.Fprintf(rw, "HTTP/1.1 400 Bad Request\r\nServer: Goliath\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		_ = rw.Flush()
		time.AfterFunc(time.Second, func() { _ = conn.Close() })
	}
	c, f := serve(t, liar(honest))
	for range 10 {
		f.fail(broken)
		_, err := c.HeadImage(t.Context(), someID)
		wantError(t, "head", err, visclient.ErrInvalid)
		if img, err := c.HeadImage(t.Context(), someID); err != nil || img.ID != someID {
			t.Errorf("next head: %+v, %v", img, err)
		}
	}
}
