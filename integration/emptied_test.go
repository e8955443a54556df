//go:build linux

package integration

import (
	"net/http"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An emptied image is replaced by one without data, when nobody writes it any more. While
// the server has both, the mount shows the one file that there is, as it was left.
func TestEmptiedFileStaysOneFileWithWhatIsSetMeanwhile(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--metadata-ttl", "1ms")
	s.post("a.img", random(333, 1000), nil)
	p.setFault(each(func(r *http.Request) bool { return r.Method == http.MethodPost }, fault{slow: true}))
	if err := os.WriteFile(m.path("a.img"), nil, 0); err != nil { // truncates it
		t.Fatal(err)
	}
	eventually(t, "the server has both", func() bool { return len(s.images()) == 2 })
	if got := names(t, m.dir); got != "a.img" {
		t.Errorf("ls shows %s, want a.img", got)
	}
	if err := setxattr(m.path("a.img"), "user.visor.note", "x"); err != nil {
		t.Fatal(err)
	}
	p.setFault(each(func(r *http.Request) bool { return r.Method != http.MethodGet }, fault{slow: true}))
	value := make([]byte, 10)
	for end := time.Now().Add(4 * slowTime); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if n, err := unix.Getxattr(m.path("a.img"), "user.visor.note", value); err != nil || string(value[:n]) != "x" {
			t.Fatalf("the note that was set reads as %q, %v", value[:max(n, 0)], err)
		}
	}
	if note := s.only("a.img").text("note"); note != "x" {
		t.Errorf("the server's note is %q", note)
	}
}

// What changes a file by its path while its last writer is being ended is ended by nobody
// else.
func TestTruncationWhileTheLastWriterEndsIsStored(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url)
	s.post("a.img", random(334, 1000), nil)
	p.setFault(each(func(r *http.Request) bool { return r.Method == http.MethodPost }, fault{slow: true}))
	if err := os.WriteFile(m.path("a.img"), nil, 0); err != nil { // registers an empty one a moment later
		t.Fatal(err)
	}
	eventually(t, "the server has both", func() bool { return len(s.images()) == 2 })
	if err := os.Truncate(m.path("a.img"), 4944); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(m.path("a.img")); err != nil || info.Size() != 4944 {
		t.Errorf("stat after the truncation: %v, %v", info, err)
	}
	wantContent(t, m.path("a.img"), make([]byte, 4944))
	s.wantStored("a.img", make([]byte, 4944))
}
