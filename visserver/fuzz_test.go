package visserver_test

import (
	"bufio"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visserver"
)

// FuzzServeHTTP sends requests as the wire brings them, signed or not: whatever
// they are, they are the client's fault.
func FuzzServeHTTP(f *testing.F) {
	const known = "x-image-meta-name: x\r\nx-image-meta-architecture: i386\r\n"
	for _, head := range []string{
		"GET /status HTTP/1.1\r\n",
		"GET /images?sort=size&dir=desc&name=%27&name=a;b HTTP/1.1\r\n",
		"GET /images/detail?sort=%00 HTTP/1.1\r\nAuthorization: VISOR foo:\r\n",
		"HEAD /images/..%2f..%2fetc%2fpasswd HTTP/1.1\r\nRange: bytes=-1\r\n",
		"DELETE http://x/images/%ff HTTP/1.0\r\nAuthorization: VISOR : : :\r\n",
		"POST /images HTTP/1.1\r\n" + known + "x-image-meta-size: -1\r\nx-image-meta-created_at: now\r\n",
		"POST /images HTTP/1.1\r\n" + known + "x-image-meta-: y\r\nx-image-meta-others: {\"_id\":1}\r\nx_image_meta_a: b\r\n",
		"PUT /images/00000000-0000-4000-8000-000000000000 HTTP/1.1\r\nContent-Length: 9\r\nContent-MD5: =\r\n",
		"POST /images HTTP/1.1\r\n" + known + "Transfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n\r\nzz\r\nhello",
		"POST /images HTTP/1.1\r\n" + known + "Content-Length: 50\r\nContent-Type: application/octet-stream\r\n\r\nhello",
		"GET /images/detail HTTP/1.1\r\nAccept: application/xml;q=1e-1, */*;q=0\r\n",
		"GET /images/%01%ff HTTP/1.1\r\nAccept: application/xml\r\n",
		"POST /images HTTP/1.1\r\nAccept: application/xml\r\n" + known + "x-image-meta--a: <\r\nx-image-meta-0: ]]>\r\n",
		"POST /images HTTP/1.1\r\n" + known + "x-image-meta-location: file:///%00\r\n",
		"OPTIONS * HTTP/1.1\r\n",
		"CONNECT /images HTTP/1.1\r\n",
	} {
		f.Add(head+"\r\n", true)
		f.Add(head+"\r\n", false)
	}
	server, err := visserver.New(visserver.Options{Dir: f.TempDir(), Users: users, Locations: []string{"file://" + f.TempDir()}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = server.Close() })
	f.Fuzz(func(t *testing.T, raw string, signed bool) {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
		if err != nil {
			return // net/http answers it
		}
		if signed {
			sign(r, "foo")
		}
		w := httptest.NewRecorder()
		server.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if strings.Contains(w.Header().Get("Content-Type"), "xml") && wellFormed(w.Body.String()) != nil {
			t.Errorf("not XML: %q", w.Body)
		}
	})
}
