package catalog_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// slow is a server of which each listing takes some time. Time is that of synctest: what
// is not asked for costs none.
type slow struct {
	mu    sync.Mutex
	takes time.Duration
	fails error
	asked []time.Time
}

func (s *slow) list(ctx context.Context) ([]*meta.Image, error) {
	s.mu.Lock()
	takes, fails := s.takes, s.fails
	s.asked = append(s.asked, time.Now())
	s.mu.Unlock()
	select {
	case <-time.After(takes):
		return []*meta.Image{{ID: "x", Name: "x"}}, fails
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slow) become(takes time.Duration, fails error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.takes, s.fails = takes, fails
}

// count returns how often it was asked since the last count.
func (s *slow) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.asked)
	s.asked = nil
	return n
}

// inTime runs a test with a catalog of a slow server, in a time of its own, and fails if
// a goroutine is left after the catalog was closed.
func inTime(t *testing.T, ttl time.Duration, f func(t *testing.T, s *slow, c *catalog.Catalog)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &slow{takes: 300 * time.Millisecond}
		c := catalog.Fetching(ttl, s.list)
		f(t, s, c)
		c.Close()
		s.count()
		time.Sleep(time.Hour)
		if n := s.count(); n != 0 {
			t.Errorf("%d requests after Close", n)
		}
	})
}

// look asks for the tree, and returns how long that took.
func look(t *testing.T, c *catalog.Catalog) time.Duration {
	t.Helper()
	began := time.Now()
	treeOf(t, c)
	return time.Since(began)
}

const ttl = 5 * time.Second

func TestNobodyWaitsForAListingInSteadyUse(t *testing.T) {
	inTime(t, ttl, func(t *testing.T, s *slow, c *catalog.Catalog) {
		look(t, c)
		began := time.Now()
		for time.Since(began) < time.Minute {
			if waited := look(t, c); waited > 0 {
				t.Errorf("waited %v after %v", waited, time.Since(began))
			}
			if c.Fresh(c.Latest()) == 0 {
				t.Errorf("the tree is too old after %v", time.Since(began))
			}
			time.Sleep(70 * time.Millisecond)
		}
		if n, most := s.count(), int(time.Since(began)/(ttl-s.takes))+2; n > most || n < 12 {
			t.Errorf("%d requests in a minute, want 12 to %d: one for each %v", n, most, ttl)
		}
	})
}

func TestUnusedCatalogIsSilentAfterAWhile(t *testing.T) {
	inTime(t, ttl, func(t *testing.T, s *slow, c *catalog.Catalog) {
		time.Sleep(time.Hour)
		if n := s.count(); n != 0 {
			t.Errorf("%d requests before anybody asked", n)
		}
		look(t, c)
		time.Sleep(30 * time.Second)
		if n := s.count(); n < 5 {
			t.Errorf("%d requests within the grace: who watches without asking is not told", n)
		}
		time.Sleep(ttl)
		s.count()
		time.Sleep(time.Hour)
		if n := s.count(); n != 0 {
			t.Errorf("%d requests in an hour without use", n)
		}
		if waited := look(t, c); waited != s.takes {
			t.Errorf("waited %v, want that the tree is asked for anew", waited)
		}
		time.Sleep(2 * ttl)
		if waited := look(t, c); waited != 0 || s.count() < 2 {
			t.Errorf("waited %v: it is not renewed again when it is used again", waited)
		}
	})
}

func TestOpenFileKeepsTheCatalogFresh(t *testing.T) {
	inTime(t, ttl, func(t *testing.T, s *slow, c *catalog.Catalog) {
		look(t, c)
		c.Use()
		time.Sleep(time.Hour)
		if n := s.count(); n < 720 || n > 775 {
			t.Errorf("%d requests in an hour with an open file, want one for each %v", n, ttl)
		}
		c.Disuse()
		time.Sleep(time.Minute)
		s.count()
		time.Sleep(time.Hour)
		if n := s.count(); n != 0 {
			t.Errorf("%d requests in the hour after it was closed", n)
		}
		c.Use()
		time.Sleep(ttl)
		if waited := look(t, c); waited != 0 {
			t.Errorf("waited %v: opening a file does not wake it", waited)
		}
		c.Disuse()
	})
}

func TestServerThatIsAwayIsNotPestered(t *testing.T) {
	inTime(t, ttl, func(t *testing.T, s *slow, c *catalog.Catalog) {
		look(t, c)
		c.Use()
		defer c.Disuse()
		away := errors.New("away")
		s.become(0, away)
		s.count()
		time.Sleep(time.Hour)
		if n := s.count(); n < 60 || n > 70 {
			t.Errorf("%d requests in an hour, want about one a minute", n)
		}
		if _, err := c.Tree(t.Context()); !errors.Is(err, away) || s.count() != 1 {
			t.Errorf("%v: who asks is not answered by the server", err)
		}
		s.become(300*time.Millisecond, nil)
		time.Sleep(2 * time.Minute)
		if waited := look(t, c); waited != 0 || s.count() < 10 {
			t.Errorf("waited %v: it is not renewed as before once the server is back", waited)
		}
	})
}

func TestFailureInTheBackgroundLeavesTheTreeGood(t *testing.T) {
	inTime(t, ttl, func(t *testing.T, s *slow, c *catalog.Catalog) {
		look(t, c)
		s.become(10*time.Millisecond, errors.New("away"))
		time.Sleep(ttl - 400*time.Millisecond)
		if s.count() < 2 {
			t.Fatal("nothing was tried in the background")
		}
		if waited := look(t, c); waited != 0 {
			t.Errorf("waited %v for a tree that is good for %v", waited, c.Fresh(c.Latest()))
		}
	})
}

// A listing in the background that fails after long has waited for the server already:
// who came late has not.
func TestWhoJoinsAFailingListingLateHasItTriedAgain(t *testing.T) {
	inTime(t, ttl, func(t *testing.T, s *slow, c *catalog.Catalog) {
		look(t, c)
		s.become(30*time.Second, errors.New("away"))
		time.Sleep(ttl + 28*time.Second) // it began at about 4.6 s
		s.become(time.Second, nil)
		if waited := look(t, c); waited < time.Second || waited > 4*time.Second {
			t.Errorf("waited %v, want that the server is asked once more", waited)
		}
	})
}

func TestSlowServerGetsARest(t *testing.T) {
	inTime(t, ttl, func(t *testing.T, s *slow, c *catalog.Catalog) {
		s.become(8*time.Second, nil)
		look(t, c)
		c.Use()
		defer c.Disuse()
		s.count()
		time.Sleep(time.Hour)
		if n := s.count(); n > 301 {
			t.Errorf("%d listings of 8 s in an hour: the server has no rest", n)
		}
	})
}

func TestShortTimesToLiveAreNotRenewed(t *testing.T) {
	inTime(t, time.Millisecond, func(t *testing.T, s *slow, c *catalog.Catalog) {
		look(t, c)
		s.count()
		time.Sleep(time.Minute)
		if n := s.count(); n != 0 {
			t.Errorf("%d requests in a minute that nobody asked for", n)
		}
	})
}
