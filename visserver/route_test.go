package visserver_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

func (v *vis) unsigned(method, path, authorization string) reply {
	v.t.Helper()
	r, err := http.NewRequest(method, v.http.URL+path, nil)
	if err != nil {
		v.t.Fatal(err)
	}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return v.send(r)
}

func TestStatusNeedsNoSignature(t *testing.T) {
	v := start(t, visserver.Options{})
	if r := v.unsigned("GET", "/status", ""); r.StatusCode != 200 || r.body != "OK" {
		t.Errorf("%s %q", r.Status, r.body)
	}
}

func TestWrongMethodNamesTheRightOnes(t *testing.T) {
	v := start(t, visserver.Options{})
	for _, c := range []struct{ method, path, allow string }{
		{"POST", "/status", "GET"},
		{"HEAD", "/images", "GET, POST"},
		{"OPTIONS", "/images/", "GET, POST"},
		{"DELETE", "/images", "GET, POST"},
		{"HEAD", "/images/detail", "GET"},
		{"PUT", "/images/detail", "GET"},
		{"POST", "/images/x", "DELETE, GET, HEAD, PUT"},
		{"PATCH", "/images/x", "DELETE, GET, HEAD, PUT"},
	} {
		r := v.unsigned(c.method, c.path, "")
		if r.StatusCode != 405 || r.Header.Get("Allow") != c.allow || r.Header.Get("Content-Length") != "0" {
			t.Errorf("%s %s: %s %v", c.method, c.path, r.Status, r.Header)
		}
	}
}

func TestUnknownPathIsSaidToBeSo(t *testing.T) {
	v := start(t, visserver.Options{})
	for _, path := range []string{"/", "/all", "/imagesx", "/images/a/b", "/images/a%2Fb", "//images", "/images/detail/", "/images/../images"} {
		v.unsigned("GET", path, "").wantError(t, 404, "Invalid operation or path.")
	}
}

func TestUnsignedRequestsAreForbidden(t *testing.T) {
	v := start(t, visserver.Options{})
	for authorization, message := range map[string]string{
		"":                       "Authorization not provided.",
		"Basic Zm9vOmJhcg==":     "No access key found in Authorization.",
		"VISOR :xyz":             "No access key found in Authorization.",
		"VISOR nobody:AAAA":      "No user found with access key 'nobody'.",
		"VISOR foo:AAAA":         "Invalid authorization, signatures do not match.",
		"Xyz foo:lqGLptRZwXuQYH": "Invalid authorization, signatures do not match.",
	} {
		v.unsigned("GET", "/images", authorization).wantError(t, 403, message)
	}
}

func TestSignatureCoversMetadataButNotTheQuery(t *testing.T) {
	v := start(t, visserver.Options{})
	v.post("x", "")
	r := v.prepare(request{method: "GET", path: "/images"})
	r.URL.RawQuery = "name=x"
	if got := v.send(r); got.StatusCode != 200 {
		t.Errorf("query added: %s", got.Status)
	}
	r = v.prepare(request{method: "GET", path: "/images"})
	r.Header.Set("x-image-meta-name", "y")
	v.send(r).wantError(t, 403, "signatures do not match")
	r = v.prepare(request{method: "POST", path: "/images", header: headers("name", "x", "architecture", "i386")})
	r.Header.Add("x-image-meta-name", "y")
	v.send(r).wantError(t, 403, "signatures do not match")
}

func TestErrorOfHeadIsInHeaders(t *testing.T) {
	v := start(t, visserver.Options{})
	r := v.do(request{method: "HEAD", path: "/images/00000000-0000-4000-8000-000000000000"})
	want := "No image found with id '00000000-0000-4000-8000-000000000000'."
	if r.StatusCode != 404 || r.Header.Get("x-error-code") != "404" || r.Header.Get("x-error-message") != want || r.body != "" {
		t.Errorf("%s %v %q", r.Status, r.Header, r.body)
	}
}

func TestOddIDsAreJustNotFound(t *testing.T) {
	v := start(t, visserver.Options{})
	for _, id := range []string{"x", "a%20b", "x%27y", "..", "%2e%2e", strings.Repeat("a", 5000), "%00", "urn:uuid:00000000-0000-4000-8000-000000000000"} {
		for _, method := range []string{"GET", "PUT", "DELETE"} {
			v.do(request{method: method, path: "/images/" + id}).wantError(t, 404, "No image found with id")
		}
	}
}
