package visserver

import (
	"net/http"
	"testing"
)

// What the original client sent and the original server took (secret bar).
func TestSignaturesAreThoseOfTheOriginal(t *testing.T) {
	vectors := []struct {
		method, url string
		headers     map[string]string
		want        string
	}{
		{"HEAD", "/images/5662192c-fe11-4f4a-9f55-e2bc69a186d5",
			map[string]string{"date": "Tue, 24 Nov 2026 03:58:41 GMT"}, "z8cq8AoAX+EO1magRImUl9sR558="},
		{"GET", "/images?name=With+file&sort=size&dir=desc",
			map[string]string{"date": "Tue, 24 Nov 2026 03:58:44 GMT"}, "l77bP6+95CsNy/7Di7bw7X8wLHM="},
		{"POST", "/images",
			map[string]string{"date": "Tue, 24 Nov 2026 03:58:40 GMT", "x-image-meta-name": "Ubuntu 12.04 Server",
				"x-image-meta-architecture": "x86_64", "x-image-meta-format": "iso"}, "qJuBA2ULeiuSwESJhhI6i3Jv+kM="},
		{"POST", "/images",
			map[string]string{"date": "Tue, 24 Nov 2026 03:58:41 GMT", "content-type": dataType, "x-image-meta-name": " With file ",
				"x-image-meta-architecture": "i386", "x-image-meta-flavour": "small", "x-image-meta-format": "iso",
				"x-image-meta-store": "file", "x_image_meta_type": "not signed"}, "Tx7q/xlWcIkfHHhRIykB3GjgFm0="},
		{"PUT", "/images/b63b3a6e-903e-4b01-92e9-14ee6124c8ef",
			map[string]string{"date": "Tue, 24 Nov 2026 03:58:45 GMT", "content-type": dataType}, "K/+ejj6gkQ+mISrYA3Fr7qgipto="},
	}
	for _, v := range vectors {
		r, err := http.NewRequest(v.method, "http://127.0.0.1:4568"+v.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range v.headers {
			r.Header.Set(name, value)
		}
		text, ok := canonicalText(r)
		if got := sign(text, "bar"); !ok || got != v.want {
			t.Errorf("%s %s: signature %s of %q, want %s", v.method, v.url, got, text, v.want)
		}
	}
}

func TestRepeatedSignedHeaderHasNoSignature(t *testing.T) {
	for _, name := range []string{"Date", "Content-Type", "X-Image-Meta-Foo"} {
		r, _ := http.NewRequest("GET", "/images", nil)
		r.Header[name] = []string{"a", "b"}
		if text, ok := canonicalText(r); ok {
			t.Errorf("%s twice: signed %q", name, text)
		}
	}
}
