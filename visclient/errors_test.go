package visclient_test

import (
	"errors"
	"io"
	iofs "io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

// operations are all that speak of one image or of none, for tables.
func operations(t testing.TB, c *visclient.Client, id meta.ID) map[string]func() error {
	ctx := t.Context()
	return map[string]func() error{
		"head image":            func() error { _, err := c.HeadImage(ctx, id); return err },
		"list images":           func() error { _, err := c.GetImages(ctx, nil); return err },
		"list images in detail": func() error { _, err := c.GetImagesDetail(ctx, nil); return err },
		"get image": func() error {
			body, err := c.GetImage(ctx, id, visclient.Range{})
			if err == nil {
				_ = body.Close()
			}
			return err
		},
		"post image": func() error { _, err := c.PostImage(ctx, fields("x"), nil); return err },
		"put image":  func() error { _, err := c.PutImage(ctx, id, meta.Fields{"name": "y"}, nil); return err },
		"post image, data": func() error {
			_, err := c.PostImage(ctx, fields("x"), strings.NewReader("data"))
			return err
		},
		"put image, data": func() error { _, err := c.PutImage(ctx, id, nil, strings.NewReader("data")); return err },
		"delete image":    func() error { _, err := c.DeleteImage(ctx, id); return err },
	}
}

func TestErrorsOfTheServerHaveTheirKinds(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	alice := dial(t, c.URL(), asAlice)
	full := post(t, c, fields("x"), "data")
	ctx := t.Context()
	for _, row := range []struct {
		what string
		do   func() error
		kind error
		op   string
		id   meta.ID
		code int
		text string
	}{
		{"head, missing", func() error { _, err := c.HeadImage(ctx, someID); return err },
			visclient.ErrNotFound, "head image", someID, 404, "No image found with id '" + string(someID) + "'."},
		{"get, missing", func() error { _, err := c.GetImage(ctx, someID, visclient.Range{}); return err },
			visclient.ErrNotFound, "get image", someID, 404, "No image found with id '" + string(someID) + "'."},
		{"put, missing", func() error { _, err := c.PutImage(ctx, someID, meta.Fields{"name": "y"}, nil); return err },
			visclient.ErrNotFound, "put image", someID, 404, "No image found with id '" + string(someID) + "'."},
		{"delete, missing", func() error { _, err := c.DeleteImage(ctx, someID); return err },
			visclient.ErrNotFound, "delete image", someID, 404, "No image found with id '" + string(someID) + "'."},
		{"put, kernel missing", func() error {
			_, err := c.PutImage(ctx, full.ID, meta.Fields{"kernel": string(someID)}, nil)
			return err
		}, visclient.ErrNotFound, "put image", full.ID, 404, "No image found with id '" + string(someID) + "'."},
		{"data twice", func() error { _, err := c.PutImage(ctx, full.ID, nil, strings.NewReader("other")); return err },
			visclient.ErrConflict, "put image", full.ID, 409, "Can only assign image file to a locked or error image"},
		{"another's image", func() error { _, err := alice.DeleteImage(ctx, full.ID); return err },
			visclient.ErrForbidden, "delete image", full.ID, 403, "No permission to change image '" + string(full.ID) + "' of another user"},
		{"wrong query", func() error { _, err := c.GetImages(ctx, map[string][]string{"sort": {"nonsense"}}); return err },
			visclient.ErrInvalid, "list images", "", 400, "Invalid sort 'nonsense': no such attribute"},
		{"wrong key", func() error {
			_, err := dial(t, c.URL(), func(o *visclient.Options) { o.SecretKey = "no" }).GetImagesDetail(ctx, nil)
			return err
		}, visclient.ErrForbidden, "list images in detail", "", 403, "Invalid authorization, signatures do not match."},
	} {
		err := row.do()
		wantError(t, row.what, err, row.kind)
		want := visclient.Error{Op: row.op, ID: row.id, StatusCode: row.code, Message: row.text}
		var e *visclient.Error
		if errors.As(err, &e) && (e.Op != want.Op || e.ID != want.ID || e.StatusCode != want.StatusCode || e.Message != want.Message) {
			t.Errorf("%s: %+v, want %+v", row.what, *e, want)
		}
		for _, other := range kinds {
			if other != row.kind && errors.Is(err, other) {
				t.Errorf("%s: is also %q", row.what, other)
			}
		}
	}
}

var kinds = []error{
	visclient.ErrInvalid, visclient.ErrForbidden, visclient.ErrNotFound, visclient.ErrConflict,
	visclient.ErrNoSpace, visclient.ErrInternal, visclient.ErrTimeout, visclient.ErrMismatch,
}

func TestErrorsAreOfTheKindOfTheirStatus(t *testing.T) {
	t.Parallel()
	for code, want := range map[int][]error{
		301: nil, 302: nil, 304: nil, 307: nil,
		400: {visclient.ErrInvalid, iofs.ErrInvalid},
		401: {visclient.ErrForbidden, iofs.ErrPermission},
		403: {visclient.ErrForbidden, iofs.ErrPermission},
		404: {visclient.ErrNotFound, iofs.ErrNotExist},
		405: nil,
		409: {visclient.ErrConflict},
		413: {visclient.ErrNoSpace},
		416: {visclient.ErrInvalid, iofs.ErrInvalid},
		500: {visclient.ErrInternal}, 501: {visclient.ErrInternal}, 503: {visclient.ErrInternal},
		507: {visclient.ErrNoSpace},
	} {
		var err error = &visclient.Error{Op: "op", StatusCode: code}
		got := 0
		for _, kind := range append([]error{iofs.ErrInvalid, iofs.ErrPermission, iofs.ErrNotExist, iofs.ErrExist}, kinds...) {
			if errors.Is(err, kind) {
				got++
			}
		}
		for _, kind := range want {
			if !errors.Is(err, kind) {
				t.Errorf("%d is not %q", code, kind)
			}
		}
		if got != len(want) {
			t.Errorf("%d is of %d kinds, want %v", code, got, want)
		}
	}
}

func TestErrorTextNamesOperationImageStatusAndMessage(t *testing.T) {
	t.Parallel()
	for want, e := range map[string]*visclient.Error{
		"delete image 5e47: 403: no permission":         {Op: "delete image", ID: "5e47", StatusCode: 403, Message: "no permission"},
		"list images: 500 Internal Server Error":        {Op: "list images", StatusCode: 500},
		"get image 5e47: unexpected EOF":                {Op: "get image", ID: "5e47", Err: io.ErrUnexpectedEOF},
		"get image 5e47: 403: words: no answer in time": {Op: "get image", ID: "5e47", StatusCode: 403, Message: "words", Err: visclient.ErrTimeout},
	} {
		if e.Error() != want {
			t.Errorf("%+v prints %q, want %q", *e, e.Error(), want)
		}
	}
}

func TestMessageIsFoundWhereverTheReplyHasIt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("ä", 1000)
	for _, row := range []struct{ what, header, body, want string }{
		{"JSON of VIS", "", `{"code":403,"message":"No way."}`, "No way."},
		{"JSON of an unhandled exception", "", `{"error":"undefined method"}`, "undefined method"},
		{"plain text", "", "  go away\n", "go away"},
		{"HTML", "", "<html><h1>Forbidden</h1>\r\n</html>", "<html><h1>Forbidden</h1>  </html>"},
		{"what Ruby prints", "", `[:code, 403][:message, "No."]`, `[:code, 403][:message, "No."]`},
		{"no words", "", "", ""},
		{"JSON without any", "", `{"code":403}`, ""},
		{"header", "From the header", "", "From the header"},
		{"header and body", "From the header", `{"message":"From the body"}`, "From the header"},
		{"not UTF-8", "", "caf\xe9", "caf?"},
		{"long", "", long, long[:500-len("list images: 403: ")] + "…"},
	} {
		c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if row.header != "" {
				w.Header().Set("X-Error-Message", row.header)
			}
			w.WriteHeader(403)
			_, _ = io.WriteString(w, row.body)
		}))
		_, err := c.GetImages(t.Context(), nil)
		want := "list images: 403: " + row.want
		if row.want == "" {
			want = "list images: 403 Forbidden"
		}
		if err == nil || err.Error() != want {
			t.Errorf("%s: %q, want %q", row.what, err, want)
		}
	}
}

func TestHeadErrorHasTheMessageOfTheHeader(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Error-Code", "403")
		w.Header().Set("X-Error-Message", "No user found with access key 'foo'.")
		w.WriteHeader(403)
	}))
	_, err := c.HeadImage(t.Context(), someID)
	var e *visclient.Error
	if !errors.As(err, &e) || e.Message != "No user found with access key 'foo'." || e.StatusCode != 403 || e.ID != someID {
		t.Errorf("%#v", err)
	}
}

func TestListFromAServerWithoutImagesPathIsAnError(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(404)
		_, _ = io.WriteString(w, `{"code":404,"message":"Invalid operation or path."}`)
	}))
	_, err := c.GetImages(t.Context(), nil)
	wantError(t, "unknown path", err, visclient.ErrNotFound)
}

func TestRedirectIsAnErrorAndNotFollowed(t *testing.T) {
	t.Parallel()
	other := &front{next: status(200)}
	elsewhere := httptest.NewServer(other)
	defer elsewhere.Close()
	for _, code := range []int{301, 302, 303, 307, 308} {
		c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", elsewhere.URL+r.URL.Path)
			w.WriteHeader(code)
		}), patience(bound))
		for what, do := range operations(t, c, someID) {
			err := do()
			var e *visclient.Error
			if !errors.As(err, &e) || e.StatusCode != code || !strings.Contains(e.Message, elsewhere.URL) {
				t.Errorf("%s: %d: %v", what, code, err)
			}
		}
	}
	for _, r := range other.seen() {
		t.Errorf("the other host got %s %s with Authorization %q", r.Method, r.URL, r.Header.Get("Authorization"))
	}
}

func TestInvalidFieldsAreNotSent(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	ctx := t.Context()
	for what, do := range map[string]func() error{
		"no fields":           func() error { _, err := c.PostImage(ctx, nil, nil); return err },
		"no architecture":     func() error { _, err := c.PostImage(ctx, meta.Fields{"name": "x"}, nil); return err },
		"wrong architecture":  func() error { _, err := c.PostImage(ctx, fields("x", "architecture", "arm"), nil); return err },
		"read-only":           func() error { _, err := c.PutImage(ctx, someID, meta.Fields{"uri": "x"}, nil); return err },
		"line break":          func() error { _, err := c.PutImage(ctx, someID, meta.Fields{"name": "a\r\nb: c"}, nil); return err },
		"key with line break": func() error { _, err := c.PutImage(ctx, someID, meta.Fields{"a\r\nb": "c"}, nil); return err },
		"not UTF-8":           func() error { _, err := c.PostImage(ctx, fields("\xff"), nil); return err },
		"location and data": func() error {
			_, err := c.PostImage(ctx, fields("x", "location", "http://a/b"), strings.NewReader("data"))
			return err
		},
		"location and data, put": func() error {
			_, err := c.PutImage(ctx, someID, meta.Fields{"location": "http://a/b"}, strings.NewReader("data"))
			return err
		},
	} {
		wantError(t, what, do(), visclient.ErrInvalid)
	}
	if n := len(f.seen()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

// A refusal comes before the body has been read: the client is still sending.
func TestRefusedUploadIsForbiddenNotABrokenConnection(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	wrong := dial(t, c.URL(), func(o *visclient.Options) { o.SecretKey = "wrong" })
	for i := range 20 {
		_, err := wrong.PostImage(t.Context(), fields("x"), io.LimitReader(zeros{}, 32<<20))
		if !errors.Is(err, visclient.ErrForbidden) {
			t.Fatalf("upload %d: %v", i, err)
		}
	}
}

func TestNoSecretInErrors(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-key"
	c, _ := serve(t, status(403), func(o *visclient.Options) { o.SecretKey = secret })
	gone := dial(t, "http://127.0.0.1:1", patience(time.Second), func(o *visclient.Options) { o.SecretKey = secret })
	for _, c := range []*visclient.Client{c, gone} {
		for what, do := range operations(t, c, someID) {
			if err := do(); err == nil || strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "VISOR foo:") {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
}

// zeros is an endless source.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
