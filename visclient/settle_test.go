package visclient_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// halfMade makes a record of the image that is posted, as the original server does
// before it stores the data, and dies over it.
func (s *faulty) halfMade(t *testing.T, status meta.Status) http.HandlerFunc {
	return afterwards(func(w http.ResponseWriter, r *http.Request) {
		f := fields("x", "store", "file")
		img, err := s.sight.PostImage(context.Background(), f, nil)
		if err == nil && status != meta.Locked {
			_, err = s.sight.PutImage(context.Background(), img.ID, meta.Fields{"status": string(status)}, nil)
		}
		if err != nil {
			t.Error(err)
		}
		reset(w, r)
	})
}

func TestRecordThatADyingServerLeftIsRemoved(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	s := newFaulty(t, c.URL())
	others := post(t, s.sight, fields("y"), "") // of another name
	for _, status := range []meta.Status{meta.Locked, meta.Uploading, meta.Failed} {
		s.fail(s.halfMade(t, status))
		img, err := s.client.PostImage(t.Context(), fields("x"), strings.NewReader(someData))
		if err != nil {
			t.Errorf("%s: %v", status, err)
			continue
		}
		s.wantOnly(t, "sent again after "+string(status), others, img)
		if _, err := s.sight.DeleteImage(t.Context(), img.ID); err != nil {
			t.Error(err)
		}
		s.fail(s.halfMade(t, status))
		if _, err := s.client.PostImage(t.Context(), fields("x"), stream(someData)); err == nil {
			t.Errorf("%s: success, and nothing was stored", status)
		}
		s.wantOnly(t, "not sent again after "+string(status), others)
	}
}

func TestImageThatADyingServerLeftUploadingTakesDataAgain(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	s := newFaulty(t, c.URL())
	locked := post(t, s.sight, fields("x"), "")
	s.fail(afterwards(func(w http.ResponseWriter, r *http.Request) {
		if _, err := s.sight.PutImage(r.Context(), locked.ID, meta.Fields{"status": string(meta.Uploading)}, nil); err != nil {
			t.Error(err)
		}
		reset(w, r)
	}))
	img, err := s.client.PutImage(t.Context(), locked.ID, nil, strings.NewReader(someData))
	if err != nil || img.Checksum != md5Of(someData) {
		t.Errorf("%+v, %v", img, err)
	}
}

// carriedOutWhen drops the connection, and lets the server carry out the request later.
func (s *faulty) carriedOutWhen(start <-chan time.Time, done chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		again := r.Clone(context.Background())
		again.Body = io.NopCloser(bytes.NewReader(body))
		s.busy.Go(func() {
			<-start
			s.next.ServeHTTP(httptest.NewRecorder(), again)
			close(done)
		})
		reset(w, r)
	}
}

func TestTwinThatIsStoredAfterItsTryWasGivenUpIsDeleted(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		for what, body := range map[string]io.Reader{"data": strings.NewReader(someData), "metadata alone": nil} {
			start, done := make(chan time.Time), make(chan struct{})
			late := s.carriedOutWhen(start, done)
			var resent atomic.Bool
			s.meet(http.MethodPost, late, func(w http.ResponseWriter, r *http.Request) {
				resent.Store(true)
				close(start)
				<-done
				s.next.ServeHTTP(w, r)
			})
			img, err := s.client.PostImage(t.Context(), fields("x"), body)
			if err != nil || !resent.Load() {
				t.Errorf("%s: %+v, %v; sent again: %t", what, img, err, resent.Load())
				continue
			}
			s.wantOnly(t, what, img)
			if _, err := s.sight.DeleteImage(t.Context(), img.ID); err != nil {
				t.Error(err)
			}
		}
	})
}

// The connection is lost while the server is still storing.
func TestServerThatStoresAfterTheConnectionIsLostIsWaitedFor(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		s.fail(s.carriedOutWhen(time.After(300*time.Millisecond), make(chan struct{})))
		img, err := s.client.PostImage(t.Context(), fields("x"), stream(someData))
		if err != nil || img.Checksum != md5Of(someData) {
			t.Errorf("POST: %+v, %v", img, err)
		}
		locked := post(t, s.sight, fields("y"), "")
		s.fail(s.carriedOutWhen(time.After(300*time.Millisecond), make(chan struct{})))
		if img, err = s.client.PutImage(t.Context(), locked.ID, nil, stream(someData)); err != nil || img.Checksum != md5Of(someData) {
			t.Errorf("PUT: %+v, %v", img, err)
		}
	})
}

func TestCancelledPostWhoseReplyIsMissingIsTakenBack(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		ctx, cancel := context.WithCancel(t.Context())
		s.fail(s.unanswered(func(w http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}))
		err := within(t, bound, "post", func() error {
			_, err := s.client.PostImage(ctx, fields("x"), strings.NewReader(someData))
			return err
		})
		wantError(t, "post", err, context.Canceled)
		s.wantOnly(t, "in the end")
	})
}

func TestUploadThatNobodyKnowsOfIsNotSentAgain(t *testing.T) {
	t.Parallel()
	c, f := serve(t, http.HandlerFunc(reset), patience(time.Second))
	f.fail(afterwards(reset))
	_, err := c.PostImage(t.Context(), fields("x"), strings.NewReader(someData))
	if err == nil || visclient.MayPass(err) || !strings.Contains(err.Error(), "may have been carried out") {
		t.Errorf("%v", err)
	}
	if n := f.count(http.MethodPost); n != 1 {
		t.Errorf("%d POSTs", n)
	}
}

func TestPutThatAnotherUploadWasFasterThanIsNotSentAgain(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		locked := post(t, s.sight, fields("x"), "")
		s.seen()
		s.fail(s.cutAt(100_000), func(w http.ResponseWriter, r *http.Request) {
			if _, err := s.sight.PutImage(r.Context(), locked.ID, nil, strings.NewReader("other data")); err != nil {
				t.Error(err)
			}
			s.next.ServeHTTP(w, r)
		})
		_, err := s.client.PutImage(t.Context(), locked.ID, nil, strings.NewReader(someData))
		if err == nil || visclient.MayPass(err) {
			t.Errorf("%v", err)
		}
		if n := s.count(http.MethodPut); n > 3 {
			t.Errorf("%d PUTs", n)
		}
		if img, err := s.sight.HeadImage(t.Context(), locked.ID); err != nil || img.Checksum != md5Of("other data") {
			t.Errorf("%+v, %v", img, err)
		}
	})
}
