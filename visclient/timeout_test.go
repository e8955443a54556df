package visclient_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

const short = 400 * time.Millisecond

func TestServerThatNeverAnswersTimesOut(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c, _ := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-release
	}), patience(short))
	defer close(release)
	for what, do := range operations(t, c, someID) {
		wantError(t, what, within(t, bound, what, do), visclient.ErrTimeout)
	}
	err := within(t, bound, "check access", func() error { return c.CheckAccess(t.Context()) })
	wantError(t, "check access", err, visclient.ErrTimeout)
}

func TestServerThatStopsInMidReplyTimesOut(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Image-Meta-_id", string(someID))
		w.Header().Set("X-Image-Meta-Size", "100")
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, `{"images":[`)
		_ = http.NewResponseController(w).Flush()
		<-release
	}), patience(short))
	defer close(release)
	body, err := c.GetImage(t.Context(), someID, visclient.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	var data []byte
	err = within(t, bound, "read", func() (err error) { data, err = io.ReadAll(body); return err })
	if !errors.Is(err, visclient.ErrTimeout) || string(data) != `{"images":[` {
		t.Errorf("read %q, %v", data, err)
	}
	for what, do := range operations(t, c, someID) {
		if what == "get image" || what == "head image" {
			continue // their replies are complete
		}
		wantError(t, what, within(t, bound, what, do), visclient.ErrTimeout)
	}
}

func TestServerThatStopsTakingAnUploadTimesOut(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // connections are accepted by the kernel, and nobody reads them
	c := dial(t, "http://"+l.Addr().String(), patience(short))
	err = within(t, bound, "post", func() error { _, err := c.PostImage(t.Context(), fields("x"), zeros{}); return err })
	wantError(t, "post", err, visclient.ErrTimeout)
	err = within(t, bound, "put", func() error { _, err := c.PutImage(t.Context(), someID, nil, zeros{}); return err })
	wantError(t, "put", err, visclient.ErrTimeout)
}

// A host that swallows everything is found out as fast over TLS, and by uploads.
func TestHandshakeThatNeverEndsTimesOut(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c := dial(t, "https://"+l.Addr().String(), patience(short))
	for what, do := range operations(t, c, someID) {
		wantError(t, what, within(t, 5*time.Second, what, do), visclient.ErrTimeout)
	}
}

func TestSlowDownloadDoesNotTimeOut(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Image-Meta-_id", string(someID))
		for range 8 {
			_, _ = io.WriteString(w, "x")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(short / 4)
		}
	}), patience(short))
	body, err := c.GetImage(t.Context(), someID, visclient.Range{})
	if got := read(t, body, err); got != "xxxxxxxx" {
		t.Errorf("read %q", got)
	}
}

func TestSlowReaderDoesNotTimeOut(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, vis(t, visserver.Options{}), patience(short))
	data := strings.Repeat("0123456789abcdef", 1<<20)
	img := post(t, c, fields("x"), data)
	for what, first := range map[string]int{"before its first read": 0, "between two reads": 100} {
		body, err := c.GetImage(t.Context(), img.ID, visclient.Range{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(body, make([]byte, first)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * short)
		rest, err := io.ReadAll(body)
		if err != nil || len(rest) != len(data)-first {
			t.Errorf("a reader that paused %s got %d of %d bytes: %v", what, len(rest), len(data)-first, err)
		}
		_ = body.Close()
	}
}

// slowly gives a byte at a time, with pauses.
type slowly struct {
	rest  string
	pause time.Duration
}

func (s *slowly) Read(p []byte) (int, error) {
	time.Sleep(s.pause)
	n := copy(p[:min(1, len(p))], s.rest)
	s.rest = s.rest[n:]
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func TestSlowSourceDoesNotTimeOut(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, vis(t, visserver.Options{}), patience(short))
	img, err := c.PostImage(t.Context(), fields("x"), &slowly{"ab", 3 * short})
	if err != nil || img.Checksum != md5Of("ab") {
		t.Errorf("post: %+v, %v", img, err)
	}
	locked := post(t, c, fields("y"), "")
	img, err = c.PutImage(t.Context(), locked.ID, nil, &slowly{"abc", 2 * short})
	if err != nil || img.Checksum != md5Of("abc") {
		t.Errorf("put: %+v, %v", img, err)
	}
}
