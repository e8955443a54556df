package original

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// FuzzConnection sends whatever bytes on a connection: the server must not panic,
// and must be done with the connection when the client is.
func FuzzConnection(f *testing.F) {
	all, err := recordings()
	if err != nil {
		f.Fatal(err)
	}
	for _, r := range all {
		if len(r.request) < 4096 {
			f.Add(r.request)
		}
	}
	f.Add([]byte("GET /status HTTP/1.1\r\n\r\n\r\nHEAD /status HTTP/1.0\n\n"))
	f.Add([]byte("POST /images HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\na\r\n0\r\nTrailer: x\r\n\r\n"))
	s, err := New(Options{Dir: f.TempDir(), Users: secrets, roundTrip: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		s.slots <- struct{}{}
		s.start(server)
		read := make(chan struct{})
		go func() {
			defer close(read)
			_, _ = io.Copy(io.Discard, client)
		}()
		_, _ = client.Write(data) // ends early where the server closes
		_ = client.Close()
		<-read
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.conns.Wait()
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("the server is still busy with a connection that is closed")
		}
	})
}

// FuzzMetadata registers an image with an attribute of any name and value, signed as
// it must be, and does with it what can be done.
func FuzzMetadata(f *testing.F) {
	for _, seed := range [][2]string{
		{"name", "x"}, {"name", "it's"}, {"name", `a\`}, {"name", "0x10"}, {"note", strings.Repeat("v", 300)},
		{"note", `"},{`}, {"size", "99999999999"}, {"kernel", "x' OR 1=1 -- "}, {"status", "error"},
		{"others", "zzz"}, {"location", "ftp://x"}, {"uploaded_at", "2012-06-15 21:05:20 +0100"},
		{"n", `x", "_id": "y`}, {"n", `x', _id='y`}, {"note", "é✓"},
	} {
		f.Add(seed[0], seed[1])
	}
	s, err := New(Options{Dir: f.TempDir(), Users: secrets, roundTrip: -1})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { _ = s.Close() })
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.ContainsAny(name+value, "\r\n") || strings.Contains(value, "file:") || strings.Contains(value, "http:") {
			t.Skip("no header, or a way to files and servers of this machine")
		}
		ask := func(method, path string, lines ...string) {
			head := client{t: t}.head(method, path, lines...)
			req, err := parseHead([]byte(head + "\r\n"))
			if err != nil {
				return // refused before it comes to values
			}
			if err := s.answer(req).writeTo(io.Discard, "today"); err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
		}
		attribute := "x-image-meta-" + name + ": " + value
		ask("POST", "/images", "x-image-meta-name: x", "x-image-meta-architecture: i386", attribute)
		for id := range s.vms.rows {
			ask("PUT", "/images/"+id, attribute)
			ask("HEAD", "/images/"+id)
			ask("GET", "/images/"+id)
			ask("GET", "/images/detail")
			ask("DELETE", "/images/"+id)
		}
		clear(s.vms.rows)
	})
}
