package visclient_test

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// liar takes uploads and changes what it says of them.
func liar(lie func(*meta.Image)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		hash := md5.New()
		size, _ := io.Copy(hash, r.Body)
		img := &meta.Image{
			ID: someID, Name: "x", Architecture: "x86_64",
			Status: meta.Available, Size: size, Checksum: hex.EncodeToString(hash.Sum(nil)),
		}
		_ = img.Apply(meta.FieldsFromHeader(r.Header))
		if size > 0 {
			lie(img)
		}
		if strings.HasPrefix(r.URL.Path, "/images/detail") || r.Method == http.MethodGet && r.URL.Path == "/images" {
			_, _ = io.WriteString(w, `{"images":[]}`)
			return
		}
		if r.Method == http.MethodHead || r.Method == http.MethodGet {
			img.SetHeader(w.Header())
			return
		}
		replyWith(w, img)
	}
}

func honest(*meta.Image) {}

func TestUploadThatIsStoredOtherwiseIsAMismatch(t *testing.T) {
	t.Parallel()
	for what, lie := range map[string]func(*meta.Image){
		"short":           func(i *meta.Image) { i.Size-- },
		"long":            func(i *meta.Image) { i.Size++ },
		"clamped":         func(i *meta.Image) { i.Size = 1<<31 - 1 },
		"no size":         func(i *meta.Image) { i.Size = 0 },
		"other MD5":       func(i *meta.Image) { i.Checksum = md5Of("other") },
		"no MD5":          func(i *meta.Image) { i.Checksum = "" },
		"locked":          func(i *meta.Image) { i.Status = meta.Locked },
		"error":           func(i *meta.Image) { i.Status = meta.Failed },
		"still uploading": func(i *meta.Image) { i.Status = meta.Uploading },
		"no status":       func(i *meta.Image) { i.Status = "" },
		"other store":     func(i *meta.Image) { i.Store = "s3" },
	} {
		c, f := serve(t, liar(lie))
		img, err := c.PostImage(t.Context(), fields("x"), strings.NewReader("data"))
		wantError(t, "post, "+what, err, visclient.ErrMismatch)
		if img != nil {
			t.Errorf("post, %s: returned the image that is gone", what)
		}
		if r := f.seen(); len(r) != 2 || r[1].Method != http.MethodDelete || r[1].URL.Path != "/images/"+string(someID) {
			t.Errorf("post, %s: the new image is not deleted: %d requests", what, len(r))
		}
		_, err = c.PutImage(t.Context(), someID, nil, strings.NewReader("data"))
		wantError(t, "put, "+what, err, visclient.ErrMismatch)
		if n := f.count(http.MethodDelete); n != 0 {
			t.Errorf("put, %s: the image was deleted", what)
		}
	}
}

func TestMD5InCapitalsIsTheSame(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, liar(func(i *meta.Image) { i.Checksum = strings.ToUpper(i.Checksum) }))
	if _, err := c.PutImage(t.Context(), someID, nil, strings.NewReader("data")); err != nil {
		t.Error(err)
	}
}

func TestMismatchRemainsWhenTheCleanupFails(t *testing.T) {
	t.Parallel()
	c, f := serve(t, liar(func(i *meta.Image) { i.Size = 1 }))
	f.fail(nil, status(403))
	_, err := c.PostImage(t.Context(), fields("x"), strings.NewReader("data"))
	wantError(t, "post", err, visclient.ErrMismatch)
	wantError(t, "cleanup", err, visclient.ErrForbidden)
}

func TestReplyAboutAnotherImageIsAMismatch(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, liar(honest), patience(2*time.Second))
	ctx := t.Context()
	for what, do := range map[string]func() error{
		"head":      func() error { _, err := c.HeadImage(ctx, otherID); return err },
		"get":       func() error { _, err := c.GetImage(ctx, otherID, visclient.Range{}); return err },
		"put":       func() error { _, err := c.PutImage(ctx, otherID, meta.Fields{"name": "x"}, nil); return err },
		"put, data": func() error { _, err := c.PutImage(ctx, otherID, nil, strings.NewReader("data")); return err },
		"delete":    func() error { _, err := c.DeleteImage(ctx, otherID); return err },
	} {
		wantError(t, what, do(), visclient.ErrMismatch)
	}
}

func TestReplyThatIsNoImageIsAnError(t *testing.T) {
	t.Parallel()
	for what, reply := range map[string]string{
		"nothing": "", "no JSON": "<html>welcome</html>", "null": "null", "empty": "{}", "image null": `{"image":null}`,
		"list": "[]", "no id": `{"image":{"name":"x"}}`, "id of blanks": `{"image":{"_id":null}}`, "half": `{"image":{"_id":"x"`,
		"wrong number": `{"image":{"_id":"x","size":"many"}}`, "negative": `{"image":{"_id":"x","size":-1}}`,
	} {
		c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, reply)
		}), patience(150*time.Millisecond))
		for name, do := range operations(t, c, someID) {
			if err := do(); err == nil {
				t.Errorf("%s, %s: no error", name, what)
			}
		}
	}
}

func TestOtherRangeThanAskedForIsAMismatch(t *testing.T) {
	t.Parallel()
	const data = "0123456789abcdefghij" // 20 bytes
	var contentRange []string
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		(&meta.Image{ID: someID, Size: int64(len(data))}).SetHeader(w.Header())
		w.Header()["Content-Range"] = contentRange
		w.WriteHeader(http.StatusPartialContent)
		_, _ = io.WriteString(w, data[5:15])
	}), patience(2*time.Second))
	asked := visclient.Range{Offset: 5, Length: 10}
	for _, row := range []struct {
		what  string
		asked visclient.Range
		given []string
		good  bool
	}{
		{"as asked", asked, []string{"bytes 5-14/20"}, true},
		{"size not told", asked, []string{"bytes 5-14/*"}, true},
		{"to the end", visclient.Range{Offset: 5}, []string{"bytes 5-19/20"}, true},
		{"less, as the data end", visclient.Range{Offset: 5, Length: 100}, []string{"bytes 5-19/20"}, true},
		{"before", asked, []string{"bytes 4-13/20"}, false},
		{"after", asked, []string{"bytes 6-15/20"}, false},
		{"from 0", asked, []string{"bytes 0-14/20"}, false},
		{"beyond its end", asked, []string{"bytes 5-19/20"}, false},
		{"backwards", asked, []string{"bytes 5-4/20"}, false},
		{"none", asked, nil, false},
		{"empty", asked, []string{""}, false},
		{"other unit", asked, []string{"lines 5-14/20"}, false},
		{"negative", asked, []string{"bytes -5-14/20"}, false},
		{"no end", asked, []string{"bytes 5"}, false},
		{"no number", asked, []string{"bytes x-14/20"}, false},
		{"too large", asked, []string{"bytes 99999999999999999999-14/20"}, false},
		{"a part though all was asked for", visclient.Range{}, []string{"bytes 0-9/20"}, false},
	} {
		contentRange = row.given
		body, err := c.GetImage(t.Context(), someID, row.asked)
		if row.good {
			if err != nil || body.Offset != row.asked.Offset {
				t.Errorf("%s: %+v, %v", row.what, body, err)
				continue
			}
			_ = body.Close()
			continue
		}
		wantError(t, row.what, err, visclient.ErrMismatch)
		if err == nil {
			_ = body.Close()
		}
	}
}

var errSource = errors.New("the disk is broken")

func TestErrorOfTheSourceIsReturnedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	sizes := []int64{0, 1, 100_000, 5 << 20}
	for _, size := range sizes {
		locked := post(t, c, fields("x"), "")
		source := func() io.Reader { return io.MultiReader(io.LimitReader(zeros{}, size), broken{}) }
		_, err := c.PostImage(t.Context(), fields("y"), source())
		wantError(t, "post", err, errSource)
		_, err = c.PutImage(t.Context(), locked.ID, nil, source())
		wantError(t, "put", err, errSource)
		// The server learns a moment later that the client is gone, and until then
		// another upload is a conflict.
		img, err := c.PutImage(t.Context(), locked.ID, nil, strings.NewReader("data"))
		for end := time.Now().Add(bound); errors.Is(err, visclient.ErrConflict) && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			img, err = c.PutImage(t.Context(), locked.ID, nil, strings.NewReader("data"))
		}
		if err != nil || img.Checksum != md5Of("data") {
			t.Errorf("%d bytes: next upload: %+v, %v", size, img, err)
		}
	}
	if images, err := c.GetImages(t.Context(), map[string][]string{"name": {"y"}}); err != nil || len(images) != 0 {
		t.Errorf("stored: %s, %v", names(images, nil), err)
	}
	if n := f.count(http.MethodPost) - len(sizes); n > len(sizes) {
		t.Errorf("%d requests for %d posts with data", n, len(sizes))
	}
}

// broken is a source that fails.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errSource }
