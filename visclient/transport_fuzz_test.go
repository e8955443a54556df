package visclient

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"testing"
)

// recording is a connection to a server that sends what it sends, whatever it is asked.
type recording struct {
	net.Conn
	io.Reader
}

func (r recording) Read(p []byte) (int, error)  { return r.Reader.Read(p) }
func (r recording) Write(p []byte) (int, error) { return len(p), nil }
func (r recording) Close() error                { return nil }

// reference reads a reply as net/http does.
func reference(data []byte, req *http.Request) (*http.Response, error) {
	in := bufio.NewReader(bytes.NewReader(data))
	for {
		resp, err := http.ReadResponse(in, req)
		if err != nil || resp.StatusCode < 100 || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
	}
}

// Whatever a server sends is read as net/http reads it, and a connection is kept only
// after the last byte.
func FuzzReply(f *testing.F) {
	plain := string(rangeHead(0, 3)) + "body"
	for _, text := range []string{
		plain, plain + "x", plain[:len(plain)-1], fourBytes, "",
		"HTTP/1.1 103 Early Hints\r\n\r\n" + plain,
		"HTTP/1.1 206 \r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 206\r\nContent-Length: 4\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\r\nA:\tb \t\r\na: c\r\nX-:\r\nContent-Length:\t04\r\n\r\nbody",
		"HTTP/1.1 200 OK\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 200 OK\r\n a: b\r\nContent-Length: 4\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\nA: b\nC: d\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 4\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: +4\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\nPragma: no-cache\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\nConnection: keep-alive, close\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n4\r\nbody\r\n0\r\nA: b\r\n\r\n",
		"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 4\r\n\r\nbody", "HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\nbody",
		"HTTP/1.1 200 OK\r\n\r\n\r\n\r\n", "\r\n\r\n", "HTTP/1.1 200 \r\n\r\n",
	} {
		f.Add(false, []byte(text))
		f.Add(true, []byte(text))
	}
	f.Fuzz(func(t *testing.T, head bool, data []byte) {
		method := http.MethodGet
		if head {
			method = http.MethodHead
		}
		req, _ := http.NewRequestWithContext(context.Background(), method, "http://vis/", nil)
		want, wantErr := reference(data, req)
		home := newTransport(*req.URL, nil)
		defer home.CloseIdleConnections()
		link := recording{Reader: bytes.NewReader(data)}
		got, err := newConn(link, link, home).roundTrip(req)
		if wantErr == nil && want.StatusCode == http.StatusSwitchingProtocols {
			want, wantErr = nil, http.ErrNotSupported
		}
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("%v, net/http has %v", err, wantErr)
		}
		if err != nil {
			return
		}
		body, err := io.ReadAll(got.Body)
		wantBody, wantErr := io.ReadAll(want.Body)
		if !bytes.Equal(body, wantBody) || (err != nil) != (wantErr != nil) {
			t.Errorf("body %q, %v, net/http has %q, %v", body, err, wantBody, wantErr)
		}
		got.Body, want.Body = nil, nil
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, net/http has %+v", got, want)
		}
		if c := home.idle.pop(); c != nil && (err != nil || got.Close || c.in.Buffered() > 0) {
			t.Errorf("the connection is kept after %q", data)
		}
	})
}
