package visclient

import (
	"net/http"
	"reflect"
	"testing"

	"github.com/visorfs/visorfs/meta"
)

func TestImageIsWhatTheHeadersSayWhateverWasSaidBefore(t *testing.T) {
	t.Parallel()
	header := func(more ...string) http.Header {
		h := http.Header{"Date": {"Tue, 24 Nov 2026 21:53:00 GMT"}}
		for i := 0; i < len(more); i += 2 {
			h.Add("x-image-meta-"+more[i], more[i+1])
		}
		return h
	}
	var d describer
	for _, h := range []http.Header{
		header("_id", "a", "size", "5", "flavour", "small"),
		header("_id", "a", "size", "5", "flavour", "small"),
		header("_id", "a", "size", "6", "flavour", "small"),
		header("_id", "a", "size", "6"),
		header("_id", "a", "size", "6", "taste", "sweet"),
		header("_id", "a", "size", "6", "taste", "sweet", "taste", "sour"),
		header("_id", "a", "size", "six"),
		header("size", "6"),
		header(),
		header("_id", "a", "size", "6", "taste", "sweet"),
		{"x-image-meta-_id": {"b"}, "X-IMAGE-META-SIZE": {"7"}},
		{"X-Image-Meta-_id": {}},
	} {
		want, wantErr := meta.ImageFromHeader(h)
		got, err := d.image(h)
		if !reflect.DeepEqual(got, want) || (err != nil) != (wantErr != nil) {
			t.Errorf("%v: %+v, %v; want %+v, %v", h, got, err, want, wantErr)
		}
	}
	h := header("_id", "a", "flavour", "small")
	for range 3 {
		img, err := d.image(h)
		if err != nil || img.ID != "a" || img.Other["flavour"] != "small" {
			t.Fatalf("%+v, %v", img, err)
		}
		img.ID, img.Other["flavour"] = "b", "large" // it is the caller's
	}
}
