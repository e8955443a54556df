package original

import (
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"testing"
)

// dirOfLength makes a directory whose path has n characters.
func dirOfLength(t *testing.T, n int) string {
	for range 100 {
		dir := fmt.Sprintf("/tmp/v%0*x", n-len("/tmp/v"), rand.Uint32())
		if os.Mkdir(dir, 0o700) == nil {
			t.Cleanup(func() { os.RemoveAll(dir) })
			return dir
		}
	}
	t.Fatal("cannot make a directory in /tmp")
	return ""
}

// serveOn runs a server on a free port until the test ends.
func serveOn(t testing.TB, s *Server) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error("Close:", err)
		}
		if err := <-served; err != http.ErrServerClosed {
			t.Error("Serve:", err)
		}
	})
	return l.Addr().String()
}

// webServer holds the file behind the http:// locations. Its address is as long as
// the recorded one.
func webServer(t *testing.T) (addr string) {
	mux := http.NewServeMux()
	mux.HandleFunc("/img.iso", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"abc-123"`)
		w.Header().Set("Content-Length", fmt.Sprint(webFileBytes))
		if r.Method == http.MethodGet {
			_, _ = w.Write(webFileData(t))
		}
	})
	mux.Handle("/redir", http.RedirectHandler("/img.iso", http.StatusFound))
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if len(l.Addr().String()) != len(recordedWeb) {
			defer l.Close() // kept, or it would be given again
			continue
		}
		server := &http.Server{Handler: mux}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
		return l.Addr().String()
	}
}

const webFileBytes = 30000

// webFileData is the file as far as it was recorded, and zeros.
func webFileData(t *testing.T) []byte {
	_, body := split(record(t, "get-loc-http").response)
	return padded(afterFirstLine(body), webFileBytes)
}
