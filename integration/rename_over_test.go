//go:build linux

package integration

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

func TestRenamingOverAFileReplacesIt(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s)
		data := random(532, 20_000)
		id := s.postSettled("a.img", data, nil)
		s.postSettled("b.img", random(533, 30_000), nil)
		wantContent(t, m.path("b.img"), random(533, 30_000))
		p.reset()
		tool(t, "mv", m.path("a.img"), m.path("b.img"))
		p.wantRequests(t, "any", isAny, 2)
		p.wantRequests(t, "PUT", is("PUT"), 1)
		p.wantRequests(t, "DELETE", is("DELETE"), 1)
		if got := names(t, m.dir); got != "b.img" {
			t.Errorf("ls: %q", got)
		}
		wantContent(t, m.path("b.img"), data)
		if img := s.only("b.img"); img.text("_id") != id || len(s.images()) != 1 {
			t.Errorf("the server has %v", s.images())
		}
	})
}

func TestRenamingOverAFileThatTheServerKeepsChangesNothing(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p, m := through(t, s, "--timeout", "2s")
		m.expectLog(`msg="rename to /b.img: .*path=/a.img`)
		a := s.postSettled("a.img", random(534, 20_000), nil)
		b := s.postSettled("b.img", random(535, 30_000), nil)
		names(t, m.dir)
		for name, f := range map[string]func(*http.Request) fault{
			"no PUT":           failing("PUT", fault{status: 403}),
			"no DELETE":        failing("DELETE", fault{status: 403}),
			"DELETE that hurt": failing("DELETE", fault{status: 500}),
		} {
			p.setFault(f)
			if os.Rename(m.path("a.img"), m.path("b.img")) == nil {
				t.Errorf("%s: rename succeeded", name)
			}
			p.setFault(nil)
			if got := names(t, m.dir); got != "a.img b.img" {
				t.Errorf("%s: ls: %q", name, got)
			}
			wantContent(t, m.path("a.img"), random(534, 20_000))
			wantContent(t, m.path("b.img"), random(535, 30_000))
			if s.only("a.img").text("_id") != a || s.only("b.img").text("_id") != b {
				t.Errorf("%s: the server has %v", name, s.images())
			}
		}
	})
}

// content returns the data of the one image of a name.
func (s *server) content(name string) string {
	s.t.Helper()
	_, _, body := s.do(request{method: "GET", path: "/images/" + s.only(name).text("_id")})
	return string(body)
}

func TestOneOfSeveralFilesOfANameIsNotReplacedByTheWrongOne(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.expectLog("several images have this name")
	first := s.post("b.iso", []byte("1"), nil)
	second := s.postYounger(first, "b.iso", []byte("2"))
	s.postYounger(second, "a.iso", []byte("a"))
	wantErrno(t, "rename", os.Rename(m.path("a.iso"), m.path("b.iso")), syscall.EEXIST)
	wantContent(t, m.path("b.iso"), []byte("1"))
	tool(t, "mv", m.path("b~"+second[:8]+".iso"), m.path("b.iso")) // it is the next
	wantContent(t, m.path("b.iso"), []byte("2"))
	if s.only("b.iso").text("_id") != second {
		t.Error("the server has another")
	}
}

// postYounger registers an image that comes after another in the order of age: by its
// time of creation, which is in seconds, and then by its id.
func (s *server) postYounger(than, name string, data []byte) string {
	s.t.Helper()
	id := s.post(name, data, nil)
	if id > than {
		return id
	}
	s.delete(id)
	time.Sleep(time.Second)
	return s.post(name, data, nil)
}

// While a file takes the place of another there is one, in the mount that does it.
func TestFileIsThereAtAnyTimeWhileItIsReplaced(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--metadata-ttl", "1ms")
	s.post("b.img", []byte("0"), nil)
	stop := make(chan struct{})
	var watch sync.WaitGroup
	watch.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			list, err := os.ReadDir(m.dir)
			shown := 0
			for _, entry := range list {
				if strings.HasPrefix(entry.Name(), "b") {
					shown++
				}
			}
			if err != nil || shown != 1 {
				t.Errorf("ls shows %v, %v", list, err)
				return
			}
			if _, err := os.Stat(m.path("b.img")); err != nil {
				t.Errorf("stat: %v", err)
				return
			}
		}
	})
	for i := range 25 {
		tmp := m.path(fmt.Sprintf("a%d.tmp", i))
		if err := os.WriteFile(tmp, fmt.Appendf(nil, "%d", i+1), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(tmp, m.path("b.img")); err != nil {
			t.Fatal(err)
		}
		wantContent(t, m.path("b.img"), fmt.Appendf(nil, "%d", i+1))
	}
	close(stop)
	watch.Wait()
	if got := names(t, m.dir); got != "b.img" || len(s.images()) != 1 {
		t.Errorf("ls: %q, and the server has %d images", got, len(s.images()))
	}
}
