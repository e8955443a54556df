package visclient_test

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

func TestPostWithoutBodyRegistersALockedImage(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	img := post(t, c, fields("CentOS 6.2", "format", "iso", "access", "private", "flavour", "small"), "")
	if img.ID == "" || img.Name != "CentOS 6.2" || img.Architecture != "x86_64" || img.Format != "iso" ||
		img.Access != meta.Private || img.Status != meta.Locked || img.Size != 0 || img.Owner != "foo" ||
		img.Other["flavour"] != "small" || img.CreatedAt.IsZero() {
		t.Errorf("registered %+v", img)
	}
	if img.Store != "" {
		t.Errorf("an image without data is in store %q", img.Store)
	}
}

func TestPostWithBodyStoresTheData(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	data := strings.Repeat("visor", 300_001)
	img := post(t, c, fields("big"), data)
	if img.Status != meta.Available || img.Size != int64(len(data)) || img.Checksum != md5Of(data) || img.Store != "file" {
		t.Errorf("stored %+v", img)
	}
	body, err := c.GetImage(t.Context(), img.ID, visclient.Range{})
	if got := read(t, body, err); got != data {
		t.Errorf("%d bytes came back, not what was sent", len(got))
	}
}

func TestEmptyBodyIsNone(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	img, err := c.PostImage(t.Context(), fields("empty"), strings.NewReader(""))
	if err != nil || img.Status != meta.Locked || img.Size != 0 {
		t.Errorf("post with an empty body: %+v, %v", img, err)
	}
}

func TestEveryNameThatCanBeSentComesBack(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	for _, name := range []string{
		"a", "Ubuntu 12.04 Server", "12.04", "0x10", "1e5", "it's", `back\slash`, `"quoted"`, "a:b", "äöü €", "日本語", "a/b/../c",
		"..", "%2F", "a  b", "null", strings.Repeat("n", 300), "😀", "\u202eabc", "e\u0301", "true", "{}", "[1]",
	} {
		img := post(t, c, fields(name), "")
		head, err := c.HeadImage(t.Context(), img.ID)
		if err != nil || img.Name != name || head.Name != name {
			t.Errorf("name %q: posted as %q, head %+v, %v", name, img.Name, head, err)
		}
	}
}

// The signature sorts by name. '-' and digits sort before the ':' that ends a name.
func TestAttributesWhoseNamesBeginAlikeAreSigned(t *testing.T) {
	t.Parallel()
	for _, names := range [][2]string{{"os", "os-version"}, {"disk", "disk2"}, {"os", "os_version"}, {"type", "type-2"}, {"name", "name-local"}} {
		c, _ := embedded(t)
		f := fields("x", "type", "machine", names[1], "machine")
		f[names[0]] = "machine"
		if _, err := c.PostImage(t.Context(), f, nil); err != nil {
			t.Errorf("attributes %v: %v", names, err)
		}
	}
}

func TestHeadImageReturnsAllAttributes(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	img := post(t, c, fields("x", "format", "iso", "type", "machine", "hyper-visor", "kvm"), "data")
	head, err := c.HeadImage(t.Context(), img.ID)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(head.Names(), img.Names()) {
		t.Errorf("head has %v, post had %v", head.Names(), img.Names())
	}
	for _, name := range img.Names() {
		want, _ := img.Get(name)
		if got, _ := head.Get(name); got != want {
			t.Errorf("%s: head says %q, post said %q", name, got, want)
		}
	}
}

func TestListsFilterAndSort(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	alice := dial(t, c.URL(), asAlice)
	post(t, c, fields("b", "format", "iso"), "four")
	post(t, c, fields("a", "format", "iso", "access", "private"), "seven b")
	post(t, c, fields("c d", "format", "vmdk", "type", "machine"), "")
	post(t, alice, fields("hers", "access", "private"), "")
	f.seen()
	for _, row := range []struct {
		query url.Values
		want  string
	}{
		{url.Values{"sort": {"name"}}, "a|b|c d"},
		{nil, "a|b|c d"},
		{url.Values{"sort": {"name"}, "dir": {"desc"}}, "c d|b|a"},
		{url.Values{"sort": {"size"}, "dir": {"asc"}}, "c d|b|a"},
		{url.Values{"sort": {"size"}, "dir": {"desc"}}, "a|b|c d"},
		{url.Values{"format": {"iso"}, "sort": {"name"}}, "a|b"},
		{url.Values{"format": {"iso"}, "access": {"private"}}, "a"},
		{url.Values{"name": {"c d"}}, "c d"},
		{url.Values{"size": {"4"}}, "b"},
		{url.Values{"owner": {"foo"}, "status": {"locked"}}, "c d"},
		{url.Values{"checksum": {md5Of("four")}}, "b"},
		{url.Values{"name": {"hers"}}, ""},
		{url.Values{"format": {"ami"}}, ""},
		{url.Values{"color": {"red"}}, ""},
		{url.Values{"name": {"a&format=vmdk"}}, ""},
		{url.Values{"name": {"ü' \\ #?%"}}, ""},
	} {
		brief, err := c.GetImages(t.Context(), row.query)
		if got := names(brief, row.query); err != nil || got != row.want {
			t.Errorf("list %v: %q, %v, want %q", row.query, got, err, row.want)
		}
		detail, err := c.GetImagesDetail(t.Context(), row.query)
		if got := names(detail, row.query); err != nil || got != row.want {
			t.Errorf("detailed list %v: %q, %v, want %q", row.query, got, err, row.want)
		}
	}
	for i, r := range f.seen() {
		if want := []string{"/images", "/images/detail"}[i%2]; r.URL.Path != want {
			t.Errorf("request %d goes to %s, want %s", i, r.URL.Path, want)
		}
	}
}

// names joins those of a list, sorted if the query leaves the order open.
func names(images []*meta.Image, query url.Values) string {
	var all []string
	for _, img := range images {
		all = append(all, img.Name)
	}
	if !query.Has("sort") {
		slices.Sort(all)
	}
	return strings.Join(all, "|")
}

func TestOnlyDetailListsHaveStatusAndOwner(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	want := post(t, c, fields("x", "flavour", "small"), "data")
	brief, err := c.GetImages(t.Context(), nil)
	if err != nil || len(brief) != 1 || brief[0].ID != want.ID || brief[0].Size != 4 || brief[0].Status != "" || brief[0].Owner != "" {
		t.Errorf("brief: %+v, %v", brief, err)
	}
	detail, err := c.GetImagesDetail(t.Context(), nil)
	if err != nil || len(detail) != 1 || detail[0].Status != meta.Available || detail[0].Owner != "foo" ||
		detail[0].Checksum != md5Of("data") || detail[0].Other["flavour"] != "small" {
		t.Errorf("detail: %+v, %v", detail, err)
	}
}

func TestListThatFindsNothingIsEmpty(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	for what, list := range map[string]func() ([]*meta.Image, error){
		"list":          func() ([]*meta.Image, error) { return c.GetImages(t.Context(), nil) },
		"detailed list": func() ([]*meta.Image, error) { return c.GetImagesDetail(t.Context(), nil) },
		"delete":        func() ([]*meta.Image, error) { return c.DeleteByQuery(t.Context(), nil) },
	} {
		if images, err := list(); err != nil || len(images) != 0 {
			t.Errorf("%s of an empty repository: %v, %v", what, images, err)
		}
	}
}

func TestGetImageReturnsWhatWasAskedFor(t *testing.T) {
	t.Parallel()
	const data = "0123456789abcdef"
	for _, ignore := range []bool{false, true} {
		c, _ := serve(t, vis(t, visserver.Options{IgnoreRange: ignore}))
		img := post(t, c, fields("x"), data)
		for _, row := range []struct {
			r    visclient.Range
			want string
		}{
			{visclient.Range{}, data},
			{visclient.Range{Offset: 10}, data[10:]},
			{visclient.Range{Offset: 2, Length: 3}, data[2:5]},
			{visclient.Range{Length: 4}, data[:4]},
			{visclient.Range{Offset: 15, Length: 1}, data[15:]},
			{visclient.Range{Offset: 10, Length: 100}, data[10:]},
			{visclient.Range{Length: 16}, data},
		} {
			offset, want := row.r.Offset, row.want
			if ignore {
				offset, want = 0, data
			}
			body, err := c.GetImage(t.Context(), img.ID, row.r)
			got := read(t, body, err)
			if got != want || body.Offset != offset || body.Image.ID != img.ID || body.Image.Version() != img.Version() {
				t.Errorf("ignore=%t %+v: %q at %d of %+v, want %q at %d", ignore, row.r, got, body.Offset, body.Image, want, offset)
			}
		}
	}
}

func TestRangeBeyondTheEndIsInvalid(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	img := post(t, c, fields("x"), "0123456789")
	f.seen()
	_, err := c.GetImage(t.Context(), img.ID, visclient.Range{Offset: 10, Length: 5})
	wantError(t, "range beyond the end", err, visclient.ErrInvalid)
	if n := len(f.seen()); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestGetImageWithoutDataIsEmpty(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	img := post(t, c, fields("x"), "")
	body, err := c.GetImage(t.Context(), img.ID, visclient.Range{})
	if got := read(t, body, err); got != "" || body.Image.Status != meta.Locked {
		t.Errorf("%q of %+v", got, body.Image)
	}
}

func TestPutChangesMetadata(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	img := post(t, c, fields("before", "color", "red", "form", "round"), "data")
	f.seen()
	got, err := c.PutImage(t.Context(), img.ID, meta.Fields{"name": "after"}, nil)
	if err != nil || got.Name != "after" || got.Version() != img.Version() || !maps.Equal(got.Other, img.Other) {
		t.Errorf("put name: %+v, %v", got, err)
	}
	got, err = c.PutImage(t.Context(), img.ID, meta.Fields{"color": "blue"}, nil)
	if err != nil || !maps.Equal(got.Other, map[string]string{"color": "blue"}) {
		t.Errorf("custom attributes are %v, %v; they replace those before", got.Other, err)
	}
	for _, r := range f.seen() {
		if r.Header.Get("X-Image-Meta-Store") != "" || r.ContentLength != 0 || r.Header.Get("Content-Type") != "" {
			t.Errorf("a change of metadata sent %v and %d bytes", r.Header, r.ContentLength)
		}
	}
}

func TestPutStoresData(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	for what, f := range map[string]meta.Fields{"body": nil, "both": {"name": "renamed", "color": "red"}} {
		img := post(t, c, fields("x"), "")
		sent := maps.Clone(f)
		got, err := c.PutImage(t.Context(), img.ID, f, strings.NewReader("data"))
		if err != nil || got.Status != meta.Available || got.Checksum != md5Of("data") || got.Size != 4 || got.Store != "file" {
			t.Errorf("%s: %+v, %v", what, got, err)
			continue
		}
		if f != nil && (got.Name != "renamed" || got.Other["color"] != "red") {
			t.Errorf("%s: the metadata are %+v", what, got)
		}
		if !maps.Equal(f, sent) {
			t.Errorf("%s: the caller's fields were changed to %v", what, f)
		}
	}
}

func TestUploadGoesToTheStoreOfTheOptions(t *testing.T) {
	t.Parallel()
	c, f := serve(t, vis(t, visserver.Options{}), func(o *visclient.Options) { o.Store = "s3" })
	_, err := c.PostImage(t.Context(), fields("x"), strings.NewReader("data"))
	wantError(t, "store s3", err, visclient.ErrInvalid)
	if got := f.seen()[0].Header.Get("X-Image-Meta-Store"); got != "s3" {
		t.Errorf("sent store %q", got)
	}
	if _, err := c.PostImage(t.Context(), fields("x", "store", "file"), strings.NewReader("data")); err != nil {
		t.Errorf("store in the fields: %v", err)
	}
}

func TestDeleteReturnsWhatWasDeleted(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	img := post(t, c, fields("x", "color", "red"), "data")
	gone, err := c.DeleteImage(t.Context(), img.ID)
	if err != nil || gone.ID != img.ID || gone.Name != "x" || gone.Checksum != img.Checksum || gone.Other["color"] != "red" {
		t.Errorf("deleted %+v, %v", gone, err)
	}
	_, err = c.HeadImage(t.Context(), img.ID)
	wantError(t, "head of a deleted image", err, visclient.ErrNotFound)
	_, err = c.DeleteImage(t.Context(), img.ID)
	wantError(t, "second delete", err, visclient.ErrNotFound)
}

func TestDeleteByQueryGoesOnAfterAFailure(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	alice := dial(t, c.URL(), asAlice)
	post(t, c, fields("a", "format", "iso"), "data")
	hers := post(t, alice, fields("b", "format", "iso"), "") // public: foo sees it
	post(t, c, fields("c", "format", "iso"), "")
	kept := post(t, c, fields("d", "format", "vmdk"), "")
	deleted, err := c.DeleteByQuery(t.Context(), url.Values{"format": {"iso"}})
	if got := names(deleted, nil); got != "a|c" {
		t.Errorf("deleted %s", got)
	}
	wantError(t, "delete by query", err, visclient.ErrForbidden)
	var e *visclient.Error
	if !errors.As(err, &e) || e.ID != hers.ID {
		t.Errorf("error %v is not about %s", err, hers.ID)
	}
	left, err := c.GetImages(t.Context(), url.Values{"sort": {"name"}})
	if err != nil || len(left) != 2 || left[0].ID != hers.ID || left[1].ID != kept.ID {
		t.Errorf("left: %s, %v", names(left, nil), err)
	}
}

func TestDeleteByQueryDoesNotMindWhatIsGoneAlready(t *testing.T) {
	t.Parallel()
	c, _ := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, `{"images":[{"_id":"5662192c-fe11-4f4a-9f55-e2bc69a186d5"}]}`)
			return
		}
		w.WriteHeader(http.StatusNotFound)
	}))
	deleted, err := c.DeleteByQuery(t.Context(), url.Values{"format": {"iso"}})
	if err != nil || len(deleted) != 0 {
		t.Errorf("deleted %v, %v", deleted, err)
	}
}

func TestDeleteByQueryDeletesNothingWhenTheListFails(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	post(t, c, fields("a"), "")
	f.seen()
	_, err := c.DeleteByQuery(t.Context(), url.Values{"sort": {"nonsense"}})
	wantError(t, "delete by a wrong query", err, visclient.ErrInvalid)
	if n := f.count("DELETE"); n != 0 {
		t.Errorf("%d deletes", n)
	}
}

func TestCheckAccess(t *testing.T) {
	t.Parallel()
	c, f := embedded(t)
	if err := c.CheckAccess(t.Context()); err != nil {
		t.Errorf("right keys: %v", err)
	}
	wrong := dial(t, c.URL(), func(o *visclient.Options) { o.SecretKey = "wrong" })
	if err := wrong.CheckAccess(t.Context()); !errors.Is(err, visclient.ErrForbidden) {
		t.Errorf("wrong secret key: %v", err)
	}
	f.seen()
	f.fail(status(503))
	if err := c.CheckAccess(t.Context()); err == nil || len(f.seen()) != 1 {
		t.Errorf("a server that is away: %v; want an error after one request", err)
	}
	for code, what := range map[int]string{200: "200 for any path", 404: "404 of another program"} {
		other, _ := serve(t, status(code))
		if err := other.CheckAccess(t.Context()); err == nil || !strings.Contains(err.Error(), "not a VIS server") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestConcurrentUseOfOneClient(t *testing.T) {
	t.Parallel()
	c, _ := embedded(t)
	done := make(chan error)
	const clients = 16
	for i := range clients {
		go func() {
			data := bytes.Repeat([]byte{byte('a' + i)}, 100_000+i)
			img, err := c.PostImage(t.Context(), fields("x"), bytes.NewReader(data))
			if err == nil {
				var body *visclient.Body
				if body, err = c.GetImage(t.Context(), img.ID, visclient.Range{}); err == nil {
					var got []byte
					got, err = io.ReadAll(body)
					err = errors.Join(err, body.Close())
					if !bytes.Equal(got, data) {
						err = errors.Join(err, errors.New("other data came back"))
					}
				}
			}
			done <- err
		}()
	}
	for range clients {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
