package catalog_test

import (
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

// stepTTL is longer than a test takes from a listing to what it must not show.
const stepTTL = 2 * time.Second

// listAgain waits for a listing that is made anew, and returns a moment just before it.
func listAgain(t *testing.T, r *repo, c *catalog.Catalog) (before time.Time) {
	t.Helper()
	lists := r.lists.Load()
	for deadline := time.Now().Add(20 * time.Second); r.lists.Load() == lists; time.Sleep(20 * time.Millisecond) {
		before = time.Now()
		if before.After(deadline) {
			t.Fatal("there is no new listing")
		}
		treeOf(t, c)
	}
	return before
}

func TestWhatAnotherClientDidDuringFailedStepsShowsAtOnce(t *testing.T) {
	r := start(t)
	a := r.post(t, "a")
	c := catalog.New(r.client, stepTTL)
	wantPaths(t, c, "a")
	done := c.Steady(a.ID)
	if _, err := r.client.DeleteImage(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	listAgain(t, r, c)
	wantPaths(t, c, "a")
	done() // the steps failed
	wantPaths(t, c, "")
}

func TestImageOfAnotherClientWithAnExpectedNameShowsAtOnce(t *testing.T) {
	r := start(t)
	r.post(t, "a")
	c := catalog.New(r.client, stepTTL)
	wantPaths(t, c, "a")
	done := c.Expect("b")
	r.post(t, "b")
	listAgain(t, r, c)
	wantPaths(t, c, "a")
	done() // what was expected did not come
	wantPaths(t, c, "a b")
}

func TestStepsThatSayWhatCameOfThemCostNoListing(t *testing.T) {
	r := start(t)
	a := r.post(t, "a")
	c := catalog.New(r.client, stepTTL)
	wantPaths(t, c, "a")
	steady, expected := c.Steady(a.ID), c.Expect("c")
	moved, err := r.client.PutImage(t.Context(), a.ID, meta.Fields{"name": "b"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	added := r.post(t, "c")
	listed := listAgain(t, r, c)
	c.Put(moved, added)
	steady()
	expected()
	fresh := c.Fresh(c.Latest())
	if time.Since(listed) < stepTTL && fresh == 0 {
		t.Error("the listing does not count any more")
	}
	wantPaths(t, c, "b c")
}

func TestImageThatIsReplacedByNobodyAfterAllIsRevealed(t *testing.T) {
	r := start(t)
	a := r.post(t, "a")
	c := catalog.New(r.client, stepTTL)
	wantPaths(t, c, "a")
	next := r.post(t, "b")
	c.Replace(a.ID, next)
	listAgain(t, r, c)
	wantPaths(t, c, "b")
	c.Reveal(a.ID)
	wantPaths(t, c, "a b")

	lists := r.lists.Load()
	c.Replace(a.ID, next)
	if _, err := r.client.DeleteImage(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	c.Remove(a.ID)
	c.Reveal(a.ID)
	wantPaths(t, c, "b")
	if n := r.lists.Load() - lists; n > 0 {
		t.Errorf("%d listings after it was deleted", n)
	}
}
