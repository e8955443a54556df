package visclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/visorfs/visorfs/meta"
)

// decodeSlowly is decodeImages by encoding/json alone, as an oracle.
func decodeSlowly(data []byte) ([]*meta.Image, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	for _, want := range []json.Token{json.Delim('{'), "images", json.Delim('[')} {
		if got, err := d.Token(); err != nil {
			return nil, err
		} else if got != want {
			return nil, fmt.Errorf("%v where %v should be", got, want)
		}
	}
	var images []*meta.Image
	for d.More() {
		img := new(meta.Image)
		if err := d.Decode(img); err != nil {
			return nil, err
		}
		images = append(images, img)
	}
	_, err := d.Token()
	return images, err
}

func FuzzDecodeImages(f *testing.F) {
	for _, list := range []string{
		`{"images":[]}`, `{"images":[{"_id":"a"}]}`, `{"images": [ {"_id":"a","size":1} , {"_id":"b","others":{"x":1}},{"_id":"c"} ] }`,
		`{"images":[{"_id":"a"},]}`, `{"images":[,{"_id":"a"}]}`, `{"images":[{"_id":"a"}{"_id":"b"}]}`, `{"images":[null]}`, `{"images":[{"_id":"a"}`,
		`{"images":[{"_id":"a"}}`, `{"images":["x"]}`, `{"images":{}}`, `[]`, ``,
	} {
		f.Add([]byte(list))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want, wantErr := decodeSlowly(data)
		for _, r := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
			got, err := decodeImages(r, 1<<20)
			if (err != nil) != (wantErr != nil) {
				t.Fatalf("%q: %v, want %v", data, err, wantErr)
			}
			if err == nil && !reflect.DeepEqual(texts(got), texts(want)) {
				t.Fatalf("%q:\ngot  %s\nwant %s", data, texts(got), texts(want))
			}
		}
	})
}

func texts(images []*meta.Image) (all []string) {
	for _, img := range images {
		all = append(all, string(img.AppendJSON(nil, meta.Full)))
	}
	return all
}

// longList is a list as visorfs serve sends it.
func longList(images int) []byte {
	list := []byte(`{"images":[`)
	for n := range images {
		if n > 0 {
			list = append(list, ',')
		}
		id := fmt.Sprintf("671a6790-9f2a-4f63-83a7-%012d", n)
		img := meta.Image{
			ID: meta.ID(id), URI: "http://127.0.0.1:4568/images/" + id, Name: fmt.Sprintf("release-%03d/build-%06d-amd64.iso", n/1000, n),
			Architecture: "x86_64", Access: meta.Public, Format: "iso", Store: "file", Location: "file:///srv/visor/images/" + id,
			Owner: "foo", Status: meta.Available, Size: int64(n), CreatedAt: time.Unix(1700000000, 0).UTC(), Checksum: fmt.Sprintf("%032x", n),
		}
		if n%10 == 0 {
			img.Other = map[string]string{"branch": "main", "commit": fmt.Sprintf("%040x", n)}
		}
		list = img.AppendJSON(list, meta.Detail)
	}
	return append(list, "]}"...)
}

func TestLongListIsRead(t *testing.T) {
	list := longList(5000)
	want, err := decodeSlowly(list)
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]io.Reader{
		"at once":         bytes.NewReader(list),
		"in small pieces": iotest.HalfReader(bytes.NewReader(list)),
	} {
		got, err := decodeImages(r, 1<<30)
		if err != nil || !reflect.DeepEqual(texts(got), texts(want)) {
			t.Errorf("%s: %d images, %v", name, len(got), err)
		}
	}
}

func TestLongImagesAreRead(t *testing.T) {
	var list strings.Builder
	list.WriteString(`{"images":[`)
	for n := range 20 {
		fmt.Fprintf(&list, `{"_id":"%d","note":"%s"},`, n, strings.Repeat("x", n*45_000)) // up to 900,000
	}
	list.WriteString(`{"_id":"last"}]}`)
	images, err := decodeImages(strings.NewReader(list.String()), 1<<30)
	if err != nil || len(images) != 21 {
		t.Errorf("%d images, %v", len(images), err)
	}
}

func TestListThatDidNotChangeIsNotSentAgain(t *testing.T) {
	var asked []string
	c := newClient(t, serverOf(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", `"1"`)
		if r.Header.Get("If-None-Match") == `"1"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		_, _ = io.WriteString(w, `{"images":[{"_id":"a"}]}`)
	}))
	list, err := c.GetImagesDetailSince(t.Context(), nil, "")
	if err != nil || list.ETag != `"1"` || list.Unchanged || len(list.Images) != 1 {
		t.Fatalf("%+v, %v", list, err)
	}
	list, err = c.GetImagesDetailSince(t.Context(), nil, list.ETag)
	if err != nil || list.ETag != `"1"` || !list.Unchanged || list.Images != nil {
		t.Fatalf("%+v, %v", list, err)
	}
	if images, err := c.GetImagesDetail(t.Context(), nil); err != nil || len(images) != 1 {
		t.Fatalf("%v, %v", images, err)
	}
	if want := []string{"", `"1"`, ""}; !reflect.DeepEqual(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

func TestNotModifiedThatNobodyAskedForIsAnError(t *testing.T) {
	c := newClient(t, serverOf(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) }))
	if images, err := c.GetImagesDetail(t.Context(), nil); err == nil {
		t.Errorf("%v without an error", images)
	}
}

func serverOf(t *testing.T, handle http.HandlerFunc) string {
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s.URL
}

func newClient(t *testing.T, url string) *Client {
	t.Helper()
	c, err := New(Options{URL: url, AccessKey: "foo", SecretKey: "bar", Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

func BenchmarkDecodeList(b *testing.B) {
	const images = 10_000
	list := longList(images)
	for name, decode := range map[string]func() ([]*meta.Image, error){
		"visclient":     func() ([]*meta.Image, error) { return decodeImages(bytes.NewReader(list), 1<<30) },
		"encoding-json": func() ([]*meta.Image, error) { return decodeSlowly(list) },
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(list)))
			b.ReportAllocs()
			for b.Loop() {
				if got, err := decode(); err != nil || len(got) != images {
					b.Fatal(len(got), err)
				}
			}
		})
	}
}
