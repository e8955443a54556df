package visclient

import (
	"net/http"
	"testing"
)

// The vectors are requests that the original client sent and the original server took.
func TestSignaturesAreThoseOfTheOriginal(t *testing.T) {
	for _, v := range []struct {
		method, url, date string
		header            map[string]string
		want              string
	}{
		{"HEAD", "/images/5662192c-fe11-4f4a-9f55-e2bc69a186d5", "Tue, 24 Nov 2026 03:58:41 GMT", nil,
			"z8cq8AoAX+EO1magRImUl9sR558="},
		{"GET", "/images?name=With+file&sort=size&dir=desc", "Tue, 24 Nov 2026 03:58:44 GMT", nil,
			"l77bP6+95CsNy/7Di7bw7X8wLHM="},
		{"POST", "/images", "Tue, 24 Nov 2026 03:58:40 GMT",
			map[string]string{
				"x-image-meta-name": "Ubuntu 12.04 Server", "x-image-meta-architecture": "x86_64", "x-image-meta-format": "iso",
			},
			"qJuBA2ULeiuSwESJhhI6i3Jv+kM="},
		{"POST", "/images", "Tue, 24 Nov 2026 03:58:41 GMT",
			map[string]string{
				"Content-Type": "application/octet-stream", "X-Image-Meta-Flavour": "small", "x-image-meta-store": "file",
				"x-image-meta-name": "With file", "x-image-meta-architecture": "i386", "x-image-meta-format": "iso",
			},
			"Tx7q/xlWcIkfHHhRIykB3GjgFm0="},
		{"PUT", "/images/b63b3a6e-903e-4b01-92e9-14ee6124c8ef", "Tue, 24 Nov 2026 03:58:45 GMT",
			map[string]string{"Content-Type": "application/octet-stream"},
			"K/+ejj6gkQ+mISrYA3Fr7qgipto="},
	} {
		req, err := http.NewRequest(v.method, "http://10.0.0.1:4568"+v.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Date", v.date)
		for name, value := range v.header {
			req.Header.Set(name, value)
		}
		newSigner("foo", "bar").sign(req)
		if got, want := req.Header.Get("Authorization"), "VISOR foo:"+v.want; got != want {
			t.Errorf("%s %s: %s, want %s; signed\n%q", v.method, v.url, got, want, stringToSign(req))
		}
	}
}
