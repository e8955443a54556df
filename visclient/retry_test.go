package visclient_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// cutReply sends half of what it announces and drops the connection.
func cutReply(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", "1000")
	start := `{"image":{"_id":`
	if r.Method == http.MethodGet {
		start = `{"images":[{"_id":`
	}
	_, _ = io.WriteString(w, start)
	_ = http.NewResponseController(w).Flush()
	reset(w, r)
}

func TestPassingFaultsAreSatOut(t *testing.T) {
	t.Parallel()
	for what, fault := range map[string]http.HandlerFunc{
		"500": status(500), "502": status(502), "503": status(503), "504": status(504), "429": status(429), "reset": reset,
	} {
		c, f := embedded(t)
		img := post(t, c, fields("x"), "data")
		for name, do := range map[string]func() error{
			"HEAD": func() error { _, err := c.HeadImage(t.Context(), img.ID); return err },
			"list": func() error { _, err := c.GetImagesDetail(t.Context(), nil); return err },
			"GET": func() error {
				body, err := c.GetImage(t.Context(), img.ID, visclient.Range{})
				if err == nil {
					err = body.Close()
				}
				return err
			},
			"PUT": func() error { _, err := c.PutImage(t.Context(), img.ID, meta.Fields{"color": "red"}, nil); return err },
		} {
			f.seen()
			f.fail(fault, fault)
			err := do()
			if n := len(f.seen()); err != nil || n != 3 {
				t.Errorf("%s after %s twice: %v after %d requests, want success with the third", name, what, err, n)
			}
		}
		f.fail(fault, fault)
		if gone, err := c.DeleteImage(t.Context(), img.ID); err != nil || gone.Name != "x" {
			t.Errorf("DELETE after %s twice: %+v, %v", what, gone, err)
		}
	}
}

func TestReplyThatBreaksOffIsAskedForAgain(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	post(t, c, fields("x"), "data")
	f.seen()
	f.fail(cutReply)
	images, err := c.GetImages(t.Context(), nil)
	if n := len(f.seen()); err != nil || len(images) != 1 || n != 2 {
		t.Errorf("list: %v, %v after %d requests", images, err, n)
	}
}

// aboutAnother answers a request as if it had been about another image.
func aboutAnother(next http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		reply := httptest.NewRecorder()
		next.ServeHTTP(reply, r)
		for name, values := range reply.Header() {
			w.Header()[name] = values
		}
		w.Header().Set("X-Image-Meta-_id", string(someID))
		w.Header().Del("Content-Length")
		id := strings.TrimPrefix(r.URL.Path, "/images/")
		_, _ = io.WriteString(w, strings.ReplaceAll(reply.Body.String(), id, string(someID)))
	}
}

func TestReplyThatMakesNoSenseIsAskedForAgain(t *testing.T) {
	t.Parallel()
	handler := vis(t, visserver.Options{})
	c, f := serve(t, handler)
	img := post(t, c, fields("x"), "data")
	garbage := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") })
	for _, row := range []struct {
		name  string
		fault http.HandlerFunc
		do    func() error
	}{
		{"HEAD", aboutAnother(handler), func() error { _, err := c.HeadImage(t.Context(), img.ID); return err }},
		{"list", garbage, func() error { _, err := c.GetImages(t.Context(), nil); return err }},
		{"PUT", aboutAnother(handler), func() error { _, err := c.PutImage(t.Context(), img.ID, meta.Fields{"color": "red"}, nil); return err }},
		{"DELETE", aboutAnother(handler), func() error { _, err := c.DeleteImage(t.Context(), img.ID); return err }},
	} {
		f.seen()
		f.fail(row.fault)
		err := row.do()
		if n := len(f.seen()); err != nil || n != 2 {
			t.Errorf("%s: %v after %d requests, want success with the second", row.name, err, n)
		}
	}
	c, f = serve(t, garbage)
	_, err := c.GetImages(t.Context(), nil)
	if n := len(f.seen()); err == nil || n != 3 {
		t.Errorf("a server that is none: %v after %d requests, want 3", err, n)
	}
}

func TestServerThatSaysWhenToAskAgainIsAskedThen(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	for after, least := range map[string]time.Duration{"1": time.Second, "3600": 0, "soon": 0} {
		f.fail(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(http.StatusTooManyRequests)
		})
		begun := time.Now()
		_, err := c.GetImages(t.Context(), nil)
		if took := time.Since(begun); err != nil || took < least {
			t.Errorf("Retry-After %s: %v after %v", after, err, took)
		}
	}
}

func TestRefusedConnectionIsTriedAgain(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(*visclient.Client, *meta.Image) error{
		"HEAD": func(c *visclient.Client, img *meta.Image) error {
			_, err := c.HeadImage(t.Context(), img.ID)
			return err
		},
		"POST": func(c *visclient.Client, _ *meta.Image) error {
			_, err := c.PostImage(t.Context(), fields("y"), nil)
			return err
		},
		"POST with data": func(c *visclient.Client, _ *meta.Image) error {
			img, err := c.PostImage(t.Context(), fields("y"), strings.NewReader("other data"))
			if err == nil && img.Checksum != md5Of("other data") {
				err = errors.New("other data are stored")
			}
			return err
		},
		"DELETE": func(c *visclient.Client, img *meta.Image) error {
			_, err := c.DeleteImage(t.Context(), img.ID)
			return err
		},
	} {
		handler := vis(t, visserver.Options{})
		first, _ := serve(t, handler)
		img := post(t, first, fields("x"), "data")
		address := freeAddress(t)
		c := dial(t, "http://"+address)
		start := make(chan *httptest.Server)
		go func() {
			time.Sleep(300 * time.Millisecond)
			start <- listenAt(t, address, handler)
		}()
		err := do(c, img)
		s := <-start
		if err != nil {
			t.Errorf("%s while the server starts: %v", name, err)
		}
		s.Close()
	}
}

// freeAddress returns one where nobody listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func listenAt(t testing.TB, address string, h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Error(err)
		s.Start()
		return s
	}
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	return s
}

func TestServerThatStaysAwayIsTheNetworksError(t *testing.T) {
	t.Parallel()
	c := dial(t, "http://"+freeAddress(t), patience(time.Second))
	err := within(t, bound, "head", func() error { _, err := c.HeadImage(t.Context(), someID); return err })
	wantError(t, "head", err, syscall.ECONNREFUSED)
}

func TestServerThatStaysBrokenEndsTheWaiting(t *testing.T) {
	t.Parallel()
	c, f := serve(t, status(503), patience(time.Second))
	err := within(t, bound, "head", func() error { _, err := c.HeadImage(t.Context(), someID); return err })
	wantError(t, "head", err, visclient.ErrInternal)
	if n := len(f.seen()); n < 2 || n > 20 {
		t.Errorf("%d requests in a second", n)
	}
}

func TestRefusalsAreNotAskedForAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []int{400, 401, 403, 404, 405, 409, 413, 416, 501, 507} {
		c, f := serve(t, status(code))
		_, err := c.HeadImage(t.Context(), someID)
		if n := len(f.seen()); err == nil || n != 1 {
			t.Errorf("%d: %v after %d requests", code, err, n)
		}
	}
}

// wire.md, section 10: most of what the original says with 500 and 503 is final.
func TestOriginalServersErrorsAreMostlyFinal(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		code    int
		message string
		want    int // requests; 0 for more than three
	}{
		{503, "Unknown fields: color", 1},
		{503, "The server at 127.0.0.1:4567 server not found. Is it running?", 0},
		{500, "undefined method `each' for nil:NilClass", 3},
	} {
		c, f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Server", "PostRank Goliath API Server")
			w.WriteHeader(row.code)
			_, _ = io.WriteString(w, `{"code":1,"message":"`+row.message+`"}`)
		}), patience(3*time.Second))
		_, err := c.GetImages(t.Context(), nil)
		wantError(t, row.message, err, visclient.ErrInternal)
		if n := len(f.seen()); row.want != 0 && n != row.want || row.want == 0 && n <= 3 {
			t.Errorf("%q: %d requests, want %d", row.message, n, row.want)
		}
	}
}

func TestDeleteWhoseReplyWasLostIsSuccess(t *testing.T) {
	t.Parallel()
	handler := vis(t, visserver.Options{})
	c, f := serve(t, handler)
	img := post(t, c, fields("x"), "data")
	f.seen()
	f.fail(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(httptest.NewRecorder(), r)
		reset(w, r)
	})
	gone, err := c.DeleteImage(t.Context(), img.ID)
	if n := len(f.seen()); err != nil || gone.ID != img.ID || n != 2 {
		t.Errorf("deleted %+v, %v after %d requests", gone, err, n)
	}
}

// A server that said "too many requests" has deleted nothing.
func TestDeleteOfAMissingImageIsNotFoundThoughItHadToWait(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	f.fail(status(429))
	_, err := c.DeleteImage(t.Context(), someID)
	wantError(t, "delete", err, visclient.ErrNotFound)
}

func TestCancelEndsEveryWaitAtOnce(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	defer close(stuck)
	for what, h := range map[string]http.HandlerFunc{
		"a silent server": func(_ http.ResponseWriter, r *http.Request) { <-stuck },
		"a pause between tries": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(503)
		},
	} {
		s := httptest.NewServer(h)
		c := dial(t, s.URL, patience(time.Hour))
		for name, do := range map[string]func(context.Context) error{
			"head":   func(ctx context.Context) error { _, err := c.HeadImage(ctx, someID); return err },
			"list":   func(ctx context.Context) error { _, err := c.GetImages(ctx, nil); return err },
			"delete": func(ctx context.Context) error { _, err := c.DeleteImage(ctx, someID); return err },
		} {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(300*time.Millisecond, cancel)
			err := within(t, bound, name, func() error { return do(ctx) })
			wantError(t, name+" at "+what, err, context.Canceled)
		}
		s.CloseClientConnections()
	}
}

func TestCancelEndsDownloadsAtOnce(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	defer close(release)
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Image-Meta-_id", string(someID))
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		<-release
	}), patience(time.Hour))

	ctx, cancel := context.WithCancel(t.Context())
	body, err := c.GetImage(ctx, someID, visclient.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	time.AfterFunc(300*time.Millisecond, cancel)
	var data []byte
	err = within(t, bound, "read", func() (err error) { data, err = io.ReadAll(body); return err })
	if !errors.Is(err, context.Canceled) || string(data) != "some" {
		t.Errorf("read %q, %v", data, err)
	}
}

func TestCancelEndsUploadsAtOnce(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, vis(t, visserver.Options{}), patience(time.Hour))
	for what, size := range map[string]int64{"before the first byte": 0, "in the middle": 1 << 20} {
		silent, w := io.Pipe() // gives nothing, and does not know of the context
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(300*time.Millisecond, cancel)
		err := within(t, 5*time.Second, what, func() error {
			_, err := c.PostImage(ctx, fields("x"), io.MultiReader(io.LimitReader(zeros{}, size), silent))
			return err
		})
		wantError(t, "upload, cancelled "+what, err, context.Canceled)
		_ = w.CloseWithError(errSource)
	}
}

func TestDeadlineOfTheCallerIsTheCallersError(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	c, _ := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }), patience(time.Hour))
	defer close(release)
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	_, err := c.HeadImage(ctx, someID)
	wantError(t, "head", err, context.DeadlineExceeded)
	if errors.Is(err, visclient.ErrTimeout) {
		t.Errorf("%v blames the server", err)
	}
}
