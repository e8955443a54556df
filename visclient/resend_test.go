package visclient_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

var someData = strings.Repeat("0123456789abcdef", 100_000)

// faults are all that an upload is to survive, with what of it was stored.
func (s *faulty) all() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"reset at once":             reset,
		"reset in the middle":       s.cutAt(700_000),
		"reset before the last":     s.cutAt(int64(len(someData)) - 1),
		"reset after the end":       afterwards(reset),
		"429":                       status(429),
		"500":                       status(500),
		"500 after the end":         afterwards(status(500)),
		"502":                       afterwards(status(502)),
		"503":                       status(503),
		"504":                       status(504),
		"stored, reply lost":        s.unanswered(reset),
		"stored, reply cut":         s.unanswered(cutReply),
		"stored, 500":               s.unanswered(status(500)),
		"stored, 502":               s.unanswered(status(502)),
		"stored, 504":               s.unanswered(status(504)),
		"stored, reply is no image": s.unanswered(status(200)),
	}
}

func isStored(fault string) bool { return strings.HasPrefix(fault, "stored") }

func TestPostOfAFileSurvivesEveryPassingFaultOnce(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		older := post(t, s.sight, fields("x"), someData) // the same, and just before
		want := []*meta.Image{older}
		for what, fault := range s.all() {
			s.seen()
			s.fail(fault)
			img, err := s.client.PostImage(t.Context(), fields("x"), strings.NewReader(someData), older.ID)
			if err != nil || img.ID == older.ID || img.Checksum != md5Of(someData) {
				t.Errorf("%s: %+v, %v", what, img, err)
				continue
			}
			if posts := s.count(http.MethodPost); isStored(what) && posts != 1 {
				t.Errorf("%s: %d POSTs", what, posts)
			}
			want = append(want, img)
			s.wantOnly(t, what, want...)
		}
	})
}

func TestPutOfAFileSurvivesEveryPassingFaultOnce(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		var want []*meta.Image
		for what, fault := range s.all() {
			locked := post(t, s.sight, fields("x"), "")
			s.seen()
			s.fail(fault)
			img, err := s.client.PutImage(t.Context(), locked.ID, meta.Fields{"note": "y"}, strings.NewReader(someData))
			if err != nil || img.ID != locked.ID || img.Checksum != md5Of(someData) || img.Other["note"] != "y" {
				t.Errorf("%s: %+v, %v", what, img, err)
				continue
			}
			if puts := s.count(http.MethodPut); isStored(what) && puts != 1 {
				t.Errorf("%s: %d PUTs", what, puts)
			}
			want = append(want, img)
		}
		s.wantOnly(t, "in the end", want...)
	})
}

func TestPostOfMetadataSurvivesEveryPassingFaultOnce(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		older := post(t, s.sight, fields("x"), "")
		want := []*meta.Image{older}
		for what, fault := range s.all() {
			s.seen()
			s.fail(fault)
			img, err := s.client.PostImage(t.Context(), fields("x"), nil, older.ID)
			if err != nil || img.ID == older.ID || img.Status != meta.Locked {
				t.Errorf("%s: %+v, %v", what, img, err)
				continue
			}
			if posts := s.count(http.MethodPost); isStored(what) && posts != 1 {
				t.Errorf("%s: %d POSTs", what, posts)
			}
			want = append(want, img)
			s.wantOnly(t, what, want...)
		}
	})
}

func TestStreamIsSentOnceAndItsReplyIsFound(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		older := post(t, s.sight, fields("x"), someData)
		want := []*meta.Image{older}
		for what, fault := range s.all() {
			s.seen()
			s.fail(fault)
			img, err := s.client.PostImage(t.Context(), fields("x"), pipe{stream(someData)}, older.ID)
			switch {
			case isStored(what) && (err != nil || img.ID == older.ID || img.Checksum != md5Of(someData)):
				t.Errorf("%s: %+v, %v", what, img, err)
			case isStored(what):
				want = append(want, img)
			case err == nil || !visclient.MayPass(err):
				t.Errorf("%s: %v, want an error that may pass", what, err)
			}
			if posts := s.count(http.MethodPost); posts != 1 {
				t.Errorf("%s: %d POSTs", what, posts)
			}
			s.wantOnly(t, what, want...)

			locked := post(t, s.sight, fields("y"), "")
			s.fail(fault)
			img, err = s.client.PutImage(t.Context(), locked.ID, nil, stream(someData))
			if isStored(what) != (err == nil) {
				t.Errorf("PUT, %s: %+v, %v", what, img, err)
			}
			s.busy.Wait()
			if head, err2 := s.sight.HeadImage(t.Context(), locked.ID); err2 != nil || (head.Status == meta.Available) != (err == nil) {
				t.Errorf("PUT, %s: %v, and the image is %+v, %v", what, err, head, err2)
			}
			s.remove(t, locked.ID)
		}
	})
}

// The server learns a moment later that the client is gone.
func TestPutThatIsInConflictWithItselfIsSentAgain(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		locked := post(t, s.sight, fields("x"), "")
		s.meet(http.MethodPut, s.cutAt(100_000), status(409), status(409))
		img, err := s.client.PutImage(t.Context(), locked.ID, nil, strings.NewReader(someData))
		if err != nil || img.Checksum != md5Of(someData) {
			t.Errorf("%+v, %v", img, err)
		}
	})
}

// A server under load notices late that a client is gone.
func TestPutAfterOneThatWasBrokenOffSucceeds(t *testing.T) {
	t.Parallel()
	bodies := map[string]func() io.Reader{
		"file":   func() io.Reader { return strings.NewReader(someData) },
		"stream": func() io.Reader { return stream(someData) },
	}
	onBothServers(t, func(t *testing.T, s *faulty) {
		for what, body := range bodies {
			locked := post(t, s.sight, fields("x"), "")
			s.fail(func(w http.ResponseWriter, r *http.Request) {
				r = r.WithContext(context.WithoutCancel(r.Context()))
				r.Body = lingering{r.Body}
				s.next.ServeHTTP(w, r)
			})
			ctx, cancel := context.WithCancel(t.Context())
			_, err := s.client.PutImage(ctx, locked.ID, nil, &killing{strings.NewReader(someData), len(someData) / 2, cancel})
			if err == nil {
				t.Fatalf("%s: the PUT that was broken off succeeded", what)
			}
			img, err := s.client.PutImage(t.Context(), locked.ID, nil, body())
			if err != nil || img.Checksum != md5Of(someData) {
				t.Errorf("%s: %+v, %v", what, img, err)
			}
		}
	})
}

// lingering is a body whose end, or breaking off, is noticed late.
type lingering struct{ io.ReadCloser }

func (l lingering) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if err != nil {
		time.Sleep(300 * time.Millisecond)
	}
	return n, err
}

// A conflict that is the client's own doing may pass; the stream cannot be sent again by
// the client, but by who has it.
func TestConflictWithWhatWasBrokenOffMayPass(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		locked := post(t, s.sight, fields("x"), "")
		s.meet(http.MethodPut, s.cutAt(100_000), status(409), status(409))
		for i := range 2 {
			if _, err := s.client.PutImage(t.Context(), locked.ID, nil, stream(someData)); !visclient.MayPass(err) {
				t.Errorf("PUT %d: %v, want an error that may pass", i, err)
			}
		}
		other := post(t, s.sight, fields("y"), "")
		s.fail(status(409))
		if _, err := s.client.PutImage(t.Context(), other.ID, nil, stream(someData)); err == nil || visclient.MayPass(err) {
			t.Errorf("a conflict with others: %v, want an error that stays", err)
		}
	})
}

// The older image is known neither by the caller nor by its age; the client posted it.
func TestImageThatTheClientPostedBeforeIsNotTakenForANewOne(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		older := post(t, s.client, fields("x"), someData)
		s.fail(afterwards(reset))
		_, err := s.client.PostImage(t.Context(), fields("x"), stream(someData))
		if err == nil {
			t.Error("success, and nothing was stored")
		}
		s.wantOnly(t, "in the end", older)
	})
}

func TestBodyIsSentAgainFromWhereItStood(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		body := strings.NewReader("head" + someData)
		if _, err := io.ReadFull(body, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
		s.fail(s.cutAt(300_000), status(503), s.cutAt(900_000))
		img, err := s.client.PostImage(t.Context(), fields("x"), body)
		if err != nil || img.Checksum != md5Of(someData) {
			t.Errorf("%+v, %v", img, err)
		}
	})
}

func TestGoodUploadIsOneRequest(t *testing.T) {
	t.Parallel()
	onBothServers(t, func(t *testing.T, s *faulty) {
		img, err := s.client.PostImage(t.Context(), fields("x"), strings.NewReader(someData))
		if n := len(s.seen()); err != nil || n != 1 {
			t.Errorf("POST: %v, %d requests", err, n)
		}
		locked := post(t, s.sight, fields("y"), "")
		if _, err := s.client.PutImage(t.Context(), locked.ID, nil, strings.NewReader(someData)); err != nil || len(s.seen()) != 1 {
			t.Errorf("PUT: %v", err)
		}
		_, err = s.client.PutImage(t.Context(), img.ID, nil, strings.NewReader(someData))
		wantError(t, "data twice", err, visclient.ErrConflict)
		if n := len(s.seen()); n != 1 {
			t.Errorf("conflict: %d requests", n)
		}
	})
}

func TestServerThatIsKilledInMidUploadAndComesBackHasTheImageOnce(t *testing.T) {
	t.Parallel()
	for kind, server := range restartables(t) {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			kill := server.run(t)
			defer func() { kill() }()
			c := dial(t, "http://"+server.address, patience(10*time.Second))
			if err := c.CheckAccess(t.Context()); err != nil {
				t.Fatal(err)
			}
			data := strings.Repeat(someData, 5)
			for _, at := range []int{1, len(data) / 2, len(data)} {
				again := &killing{Reader: strings.NewReader(data), at: at, do: func() {
					kill()
					restarted := make(chan func())
					time.AfterFunc(200*time.Millisecond, func() { restarted <- server.run(t) })
					kill = func() { (<-restarted)() }
				}}
				img, err := c.PostImage(t.Context(), fields("x"), again)
				if err != nil || img.Checksum != md5Of(data) {
					t.Errorf("killed at %d: %+v, %v", at, img, err)
				}
				images, err := c.GetImagesDetail(t.Context(), nil)
				if err != nil || len(images) != 1 {
					t.Errorf("killed at %d: %d images, %v", at, len(images), err)
				}
				for _, img := range images {
					if _, err := c.DeleteImage(t.Context(), img.ID); err != nil && !errors.Is(err, visclient.ErrNotFound) {
						t.Error(err)
					}
				}
			}
		})
	}
}

// killing calls do, once, before the byte at an offset is read.
type killing struct {
	*strings.Reader
	at int
	do func()
}

func (k *killing) Read(p []byte) (int, error) {
	n, err := k.Reader.Read(p)
	if k.do != nil && int(k.Size())-k.Len() >= k.at {
		k.do()
		k.do = nil
	}
	return n, err
}

func TestUploadIsGivenUpWhenTheServerStaysAway(t *testing.T) {
	t.Parallel()
	c := dial(t, "http://"+freeAddress(t), patience(time.Second))
	err := within(t, bound, "post", func() error {
		_, err := c.PostImage(t.Context(), fields("x"), strings.NewReader(someData))
		return err
	})
	if !visclient.MayPass(err) {
		t.Errorf("%v, want an error that may pass", err)
	}
}

func TestUploadThatComesNoFurtherIsGivenUp(t *testing.T) {
	t.Parallel()
	c, f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, 100_000)
		reset(w, r)
	}), patience(2500*time.Millisecond))
	err := within(t, bound, "post", func() error {
		_, err := c.PostImage(t.Context(), fields("x"), bytes.NewReader(make([]byte, 64<<20)))
		return err
	})
	if n := len(f.seen()); err == nil || n < 3 || n > 30 {
		t.Errorf("%v after %d requests", err, n)
	}
}

func TestOnlyWhatMayPassMayPass(t *testing.T) {
	t.Parallel()
	for want, errs := range map[bool][]error{
		true: {
			&visclient.Error{Err: io.ErrUnexpectedEOF}, &visclient.Error{StatusCode: 408}, &visclient.Error{StatusCode: 429}, &visclient.Error{StatusCode: 500},
			&visclient.Error{StatusCode: 502}, &visclient.Error{StatusCode: 503}, &visclient.Error{StatusCode: 504},
		},
		false: {
			nil, errSource, &visclient.Error{StatusCode: 400}, &visclient.Error{StatusCode: 403}, &visclient.Error{StatusCode: 404}, &visclient.Error{StatusCode: 409},
			&visclient.Error{StatusCode: 413}, &visclient.Error{StatusCode: 507}, &visclient.Error{Err: visclient.ErrInvalid}, &visclient.Error{Err: visclient.ErrTooLong},
			&visclient.Error{Err: visclient.ErrTooLarge}, &visclient.Error{Err: visclient.ErrNoSpace}, &visclient.Error{Err: visclient.ErrMismatch}, &visclient.Error{Err: visclient.ErrTimeout},
		},
	} {
		for _, err := range errs {
			if visclient.MayPass(err) != want {
				t.Errorf("MayPass(%v) is %t", err, !want)
			}
		}
	}
	c, _ := embedded(t)
	_, err := c.PostImage(t.Context(), fields("x"), broken{})
	if visclient.MayPass(err) {
		t.Errorf("MayPass of the source's %v", err)
	}
}
