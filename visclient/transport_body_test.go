package visclient

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"
)

// A reader that knows the length does not ask for more than that.
func TestLastByteGivesTheConnectionBack(t *testing.T) {
	t.Parallel()
	p := replies(t, fourBytes)
	tr := p.transport(t)
	for range 5 {
		resp, err := ask(t.Context(), tr, http.MethodGet, "/")
		if err != nil {
			t.Fatal(err)
		}
		if n, err := resp.Body.Read(make([]byte, 4)); n != 4 || err != io.EOF {
			t.Errorf("%d bytes, %v: net/http tells the end with the last byte", n, err)
		}
		defer resp.Body.Close() // too late to matter
	}
	if p.accepted.Load() != 1 {
		t.Errorf("%d connections", p.accepted.Load())
	}
}

func TestEarlyCloseKeepsOnlyWhatIsReadAlready(t *testing.T) {
	t.Parallel()
	for what, row := range map[string]struct {
		reply string
		kept  bool
	}{
		"the rest is here":               {fourBytes, true},
		"the rest of the chunks is here": {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", true},
		"the rest is on its way":         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody", false},
		"a chunk is on its way":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n", false},
		"the end is unknown":             {"HTTP/1.1 200 OK\r\n\r\nbody", false},
	} {
		p := replies(t, row.reply)
		tr := p.transport(t)
		for range 2 {
			resp, err := ask(t.Context(), tr, http.MethodGet, "/")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			_ = resp.Body.Close()
			if n, err := resp.Body.Read(make([]byte, 2)); n > 0 || err == nil {
				t.Errorf("%s: a closed body gave %d bytes, %v", what, n, err)
			}
		}
		if kept := p.accepted.Load() == 1; kept != row.kept {
			t.Errorf("%s: kept %v, want %v", what, kept, row.kept)
		}
	}
}

func TestCloseEndsARead(t *testing.T) {
	t.Parallel()
	for what, reply := range map[string]string{
		"a length": "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbody",
		"chunks":   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n",
	} {
		p := replies(t, reply)
		resp, err := ask(t.Context(), p.transport(t), http.MethodGet, "/")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() {
			_, err := io.ReadAll(resp.Body)
			done <- err
		}()
		time.Sleep(20 * time.Millisecond)
		_ = resp.Body.Close()
		if err := wait(t, done); err == nil || err == errStays {
			t.Errorf("%s: %v", what, err)
		}
	}
}

var errStays = errors.New("it does not end")

func wait(t testing.TB, done <-chan error) error {
	t.Helper()
	select {
	case err := <-done:
		return err
	case <-time.After(patient):
		t.Error(errStays)
		return errStays
	}
}

func TestBodyThatEndsEarlyIsAnError(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nbodyCLOSE",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbodyCLOSE",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\nCLOSE",
	} {
		p := replies(t, reply)
		if _, body, err := fetch(t, p.transport(t), http.MethodGet); body != "body" || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%q: %q, %v", reply, body, err)
		}
	}
}
