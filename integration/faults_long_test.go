//go:build linux

package integration

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// useAll does what people do with files, at once, while something is wrong that passes.
func useAll(t *testing.T, m *mount) {
	t.Helper()
	var all sync.WaitGroup
	for what, do := range map[string]func() error{
		"read":     func() error { return compare(m.path("read.img"), usedOld()) },
		"write":    func() error { return os.WriteFile(m.path("written.img"), usedNew(), 0o644) },
		"setxattr": func() error { return setxattr(m.path("set.img"), "user.visor.note", "x") },
		"rename":   func() error { return os.Rename(m.path("named.img"), m.path("renamed.img")) },
		"unlink":   func() error { return os.Remove(m.path("gone.img")) },
		"list": func() error {
			_, err := os.ReadDir(m.dir)
			return err
		},
	} {
		all.Go(func() {
			if err := do(); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
	}
	all.Wait()
}

func usedOld() []byte { return random(120, 3<<20) }
func usedNew() []byte { return random(121, 2<<20) }

// wantUsed demands that the server has what useAll has made of it.
func wantUsed(t *testing.T, s *server) {
	t.Helper()
	s.wantStored("read.img", usedOld())
	s.wantStored("written.img", usedNew())
	s.only("renamed.img")
	if got := s.only("set.img").text("note"); got != "x" {
		t.Errorf("note is %q", got)
	}
	if n := len(s.images()); n != 4 {
		t.Errorf("%d images are on the server, want 4: %v", n, s.images())
	}
}

// postForAll puts what useAll uses on a server.
func postForAll(s *server) {
	s.post("read.img", usedOld(), nil)
	for i, name := range []string{"set.img", "named.img", "gone.img"} {
		s.post(name, random(uint64(122+i), 1000), nil)
	}
}

func TestOutageOfFiveSecondsIsWaitedOut(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--metadata-ttl", "1s")
	postForAll(s)
	names(t, m.dir)
	s.kill()
	var back sync.WaitGroup
	back.Go(func() {
		time.Sleep(5 * time.Second)
		s.restart()
	})
	useAll(t, m)
	back.Wait()
	wantUsed(t, s)
}

func TestTwentyErrorsInARowAreSurvived(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusTooManyRequests} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			p := startProxy(t, s)
			postForAll(s)
			m := startMount(t, p.url, "--metadata-ttl", "1h")
			names(t, m.dir)
			var left atomic.Int32
			left.Store(20)
			p.setFault(func(*http.Request) fault {
				if left.Add(-1) >= 0 {
					return fault{status: status}
				}
				return fault{}
			})
			if err := compare(m.path("read.img"), usedOld()); err != nil {
				t.Error(errors.Join(err, fmt.Errorf("%d errors were left", left.Load())))
			}
			useAll(t, m)
			wantUsed(t, s)
		})
	}
}
