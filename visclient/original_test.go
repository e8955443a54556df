package visclient_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver/original"
)

// playing starts a server that plays the original, and returns foo's client, which
// knows it, and the count of connections that were made.
func playing(t testing.TB) (*visclient.Client, *atomic.Int64) {
	t.Helper()
	s, err := original.New(original.Options{Dir: t.TempDir(), Users: map[string]string{"foo": "bar", "alice": "wonder"}, CollectAfter: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	counting := &countingListener{Listener: l}
	go func() { _ = s.Serve(counting) }()
	t.Cleanup(func() { _ = s.Close() })
	c := dial(t, "http://"+l.Addr().String())
	if err := c.CheckAccess(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !c.IsOriginal() {
		t.Fatal("the server is not known to be the original")
	}
	return c, &counting.accepted
}

type countingListener struct {
	net.Listener
	accepted atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	l.accepted.Add(1)
	return l.Listener.Accept()
}

func TestWhatTheOriginalWouldBreakOverIsNotSent(t *testing.T) {
	t.Parallel()
	c, accepted := playing(t)
	before := accepted.Load()
	long := strings.Repeat("ä", 46)
	for _, row := range []struct {
		name, value string
		kind        error
	}{
		{"name", "it's", visclient.ErrInvalid},
		{"name", `a\b`, visclient.ErrInvalid},
		{"note", `a"b`, visclient.ErrInvalid},
		{"name", "12.04", visclient.ErrInvalid},
		{"note", "1e5", visclient.ErrInvalid},
		{"note", "08", visclient.ErrInvalid},
		{"name", "0x10", visclient.ErrInvalid},
		{"name", "010", visclient.ErrInvalid},
		{"note", "1_000", visclient.ErrInvalid},
		{"name", long, visclient.ErrTooLong},
		{"note", strings.Repeat("v", 250), visclient.ErrNoSpace},
	} {
		f := fields("x")
		f[row.name] = row.value
		_, err := c.PostImage(t.Context(), f, nil)
		wantError(t, "post "+row.value, err, row.kind)
		wantError(t, "check "+row.value, c.CheckFields(f), row.kind)
		_, err = c.PutImage(t.Context(), someID, meta.Fields{row.name: row.value}, nil)
		wantError(t, "put "+row.value, err, row.kind)
	}
	if n := accepted.Load() - before; n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestWhatTheOriginalTakesIsSent(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	for _, value := range []string{"2012", "-5", "0", "v12.04", "Ubuntu 12.04", strings.Repeat("n", 45), "2021-02-07T17:25:50.123456789Z"} {
		f := fields("x")
		f["note"] = value
		img, err := c.PostImage(t.Context(), f, nil)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if got, _ := img.Get("note"); got != value {
			t.Errorf("%q is stored as %q", value, got)
		}
	}
}

// Its database has an alphabet of its own, which the client cannot know.
func TestValueThatTheOriginalChangesIsAMismatchAndNothingStays(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	for _, body := range []io.Reader{nil, strings.NewReader("data")} {
		_, err := c.PostImage(t.Context(), fields("Ωμέγα"), body)
		wantError(t, "post", err, visclient.ErrMismatch)
	}
	if images, err := c.GetImages(t.Context(), nil); err != nil || len(images) != 0 {
		t.Errorf("left behind: %v, %v", images, err)
	}
}

func TestUploadBeyondWhatTheOriginalCanReadIsRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("it sends 2 GiB")
	}
	c, _ := playing(t)
	if got := c.MaxImageBytes(); got != 1<<31-1 {
		t.Fatalf("the largest image has %d bytes", got)
	}
	_, err := c.PostImage(t.Context(), fields("x"), io.LimitReader(zeros{}, 1<<31))
	wantError(t, "upload of 2 GiB", err, visclient.ErrTooLarge)
	if images, err := c.GetImages(t.Context(), nil); err != nil || len(images) != 0 {
		t.Errorf("left behind: %v, %v", images, err)
	}
}

func TestBrokenRecordDoesNotSpoilTheList(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	var want []string
	for _, name := range []string{"a", "b"} {
		f := fields(name)
		f["note"] = "kept"
		if _, err := c.PostImage(t.Context(), f, strings.NewReader("data of "+name)); err != nil {
			t.Fatal(err)
		}
		want = append(want, name)
	}
	poison(t, c)
	images, err := c.GetImagesDetail(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var good []string
	broken := meta.ID("")
	for _, img := range images {
		switch {
		case img.Status == meta.Failed && img.Name == "poisoned":
			broken = img.ID
		case img.Other["note"] == "kept" && img.Checksum == md5Of("data of "+img.Name):
			good = append(good, img.Name)
		default:
			t.Errorf("unexpected %+v", img)
		}
	}
	slices.Sort(good)
	if !slices.Equal(good, want) || broken == "" {
		t.Errorf("good %v, broken %q", good, broken)
	}
	if _, err := c.DeleteImage(t.Context(), broken); err != nil {
		t.Errorf("the broken one cannot be deleted: %v", err)
	}
}

// poison makes a record that the original cannot read again, as an older client can: it
// does not know that the server is the original.
func poison(t *testing.T, c *visclient.Client) {
	t.Helper()
	stranger := dial(t, c.URL(), patience(time.Second))
	f := fields("poisoned")
	f["note"] = strings.Repeat("v", 300)
	if _, err := stranger.PostImage(t.Context(), f, nil); !errors.Is(err, visclient.ErrInternal) {
		t.Fatalf("poisoning: %v", err)
	}
}

func TestImageOfAnotherUserIsNotOnesOwn(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	alice := dial(t, c.URL(), asAlice)
	if err := alice.CheckAccess(t.Context()); err != nil {
		t.Fatal(err)
	}
	img := post(t, c, fields("of foo"), "data")
	if err := c.CheckOwner(t.Context(), img.ID); err != nil {
		t.Errorf("one's own: %v", err)
	}
	wantError(t, "another's", alice.CheckOwner(t.Context(), img.ID), visclient.ErrForbidden)
	poison(t, c)
	images, err := c.GetImagesDetail(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, img := range images {
		if err := c.CheckOwner(t.Context(), img.ID); err != nil {
			t.Errorf("%s: %v", img.Name, err)
		}
		if err := alice.CheckOwner(t.Context(), img.ID); err == nil {
			t.Errorf("%s is alice's, too", img.Name)
		}
	}
}

func TestTwoHundredUploadsEachAfterADownload(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	data := make([]byte, 64<<10)
	_, _ = rand.Read(data)
	img, err := c.PostImage(t.Context(), fields("read me"), strings.NewReader(string(data)))
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		body, err := c.GetImage(t.Context(), img.ID, visclient.Range{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, body); err != nil {
			t.Fatal(err)
		}
		_ = body.Close()
		if _, err := c.PostImage(t.Context(), fields("another"), strings.NewReader("data")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestQueryForAnotherOwnerNeverDeletesOnesOwn(t *testing.T) {
	t.Parallel()
	c, _ := playing(t)
	post(t, c, fields("mine"), "")
	_, err := c.DeleteByQuery(t.Context(), map[string][]string{"owner": {"alice"}})
	wantError(t, "delete", err, visclient.ErrInvalid)
	wantNames(t, c.GetImages, map[string][]string{"owner": {"foo"}}, "mine")
}

func TestBadValueIsNotAskedForAgain(t *testing.T) {
	t.Parallel()
	c, f := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Server", "PostRank Goliath API Server")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"code":503,"message":"Unknown fields: color"}`)
	}))
	_, err := c.GetImages(t.Context(), map[string][]string{"color": {"red"}})
	wantError(t, "list", err, visclient.ErrInternal)
	wantError(t, "list", err, visclient.ErrInvalid)
	if n := len(f.seen()); n != 1 {
		t.Errorf("%d requests", n)
	}
}
