package visclient_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
	"github.com/visorfs/visorfs/visserver/original"
)

// faulty is a server of either kind behind a front, and two clients of foo's: one that
// meets the front's faults, and one that sees what is stored.
type faulty struct {
	*front
	client *visclient.Client
	sight  *visclient.Client
	busy   sync.WaitGroup // requests that the server is at work on
}

// onBothServers runs a test with each kind of server.
func onBothServers(t *testing.T, test func(t *testing.T, s *faulty)) {
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(vis(t, visserver.Options{}))
		t.Cleanup(server.Close)
		test(t, newFaulty(t, server.URL))
	})
	t.Run("original", func(t *testing.T) {
		t.Parallel()
		c, _ := playing(t)
		test(t, newFaulty(t, c.URL()))
	})
}

func newFaulty(t *testing.T, target string) *faulty {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	s := &faulty{sight: dial(t, target)}
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	proxy.ErrorHandler = func(w http.ResponseWriter, r *http.Request, _ error) { reset(w, r) }
	s.client, s.front = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.Add(1)
		defer s.busy.Done()
		proxy.ServeHTTP(w, r)
	}), patience(2*time.Second))
	if err := s.client.CheckAccess(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := s.sight.CheckAccess(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.seen()
	return s
}

// cutAt drops the connection, on both sides, when so many bytes of the body have passed.
func (s *faulty) cutAt(bytes int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost && r.Method != http.MethodPut {
			reset(w, r)
			return
		}
		r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, bytes), broken{}))
		s.next.ServeHTTP(w, r)
	}
}

// unanswered lets the server carry out a request, and loses the reply in some way.
func (s *faulty) unanswered(lose http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.next.ServeHTTP(httptest.NewRecorder(), r)
		lose(w, r)
	}
}

// afterwards lets nothing through of a request that was read to its end.
func afterwards(lose http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		lose(w, r)
	}
}

// meet has the first requests of a method fail, one each.
func (s *faulty) meet(method string, faults ...http.HandlerFunc) {
	var met func(w http.ResponseWriter, r *http.Request)
	met = func(w http.ResponseWriter, r *http.Request) {
		fault := s.next.ServeHTTP
		if r.Method == method {
			fault, faults = faults[0], faults[1:]
		}
		if len(faults) > 0 {
			s.fail(met)
		}
		fault(w, r)
	}
	s.fail(met)
}

// remove deletes an image, when the server has noticed that nobody uploads to it.
func (s *faulty) remove(t testing.TB, id meta.ID) {
	t.Helper()
	_, err := s.sight.DeleteImage(t.Context(), id)
	for end := time.Now().Add(bound); errors.Is(err, visclient.ErrConflict) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		_, err = s.sight.DeleteImage(t.Context(), id)
	}
	if err != nil {
		t.Error(err)
	}
}

// images returns what is stored once the server is at rest.
func (s *faulty) images(t testing.TB) []*meta.Image {
	t.Helper()
	s.busy.Wait()
	images, err := s.sight.GetImagesDetail(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return images
}

// wantOnly checks that the server has these images and no others, all with data.
func (s *faulty) wantOnly(t testing.TB, what string, want ...*meta.Image) {
	t.Helper()
	images := s.images(t)
	if len(images) != len(want) {
		t.Errorf("%s: %d images are stored, want %d", what, len(images), len(want))
	}
	for _, w := range want {
		found := false
		for _, img := range images {
			found = found || img.ID == w.ID && img.Status == w.Status && img.Size == w.Size && img.Checksum == w.Checksum
		}
		if !found {
			t.Errorf("%s: %+v is not stored", what, w)
		}
	}
}

// stream is a body that cannot be read again.
func stream(data string) io.Reader { return io.MultiReader(strings.NewReader(data)) }

// pipe is a body that says that it can be read again, and cannot.
type pipe struct{ io.Reader }

func (pipe) Seek(int64, int) (int64, error) { return 0, errors.New("illegal seek") }

// restartable is a server at one address that can be killed and started again.
type restartable struct {
	address string
	start   func(l net.Listener) (kill func())
}

func (r *restartable) run(t testing.TB) (kill func()) {
	l, err := net.Listen("tcp", r.address)
	if err != nil {
		t.Error(err)
		return func() {}
	}
	return r.start(l)
}

// restartables are both servers, at an address of their own.
func restartables(t *testing.T) map[string]*restartable {
	users := map[string]string{"foo": "bar"}
	embeddedDir, originalDir := t.TempDir(), t.TempDir()
	return map[string]*restartable{
		"embedded": {freeAddress(t), func(l net.Listener) func() {
			s, err := visserver.New(visserver.Options{Dir: embeddedDir, Users: users})
			if err != nil {
				t.Error(err)
				return func() { _ = l.Close() }
			}
			front := &http.Server{Handler: s}
			go func() { _ = front.Serve(l) }()
			return func() { _, _ = front.Close(), s.Close() }
		}},
		"original": {freeAddress(t), func(l net.Listener) func() {
			s, err := original.New(original.Options{Dir: originalDir, Users: users})
			if err != nil {
				t.Error(err)
				return func() { _ = l.Close() }
			}
			go func() { _ = s.Serve(l) }()
			return func() { _ = s.Close() }
		}},
	}
}
