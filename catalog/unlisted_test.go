package catalog_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
)

const nobody = "5662192c-fe11-4f4a-9f55-e2bc69a186d5" // an id that no image has

func (r *repo) wantHeads(t *testing.T, want int32) {
	t.Helper()
	if got := r.heads.Load(); got != want {
		t.Errorf("the server was asked for %d images, want %d", got, want)
	}
}

// unlisted returns a catalog that has listed nothing, and an image of alice's that she
// registered after that.
func unlisted(t *testing.T, r *repo, ttl time.Duration) (*catalog.Catalog, *meta.Image) {
	t.Helper()
	c := catalog.New(r.client, ttl)
	treeOf(t, c)
	return c, postAs(t, r.alice, "hers")
}

func find(t *testing.T, c *catalog.Catalog, id meta.ID) *catalog.File {
	t.Helper()
	f, err := c.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestImageBeyondTheListingIsAskedForOnce(t *testing.T) {
	r := start(t)
	c, hers := unlisted(t, r, time.Hour)
	_, err := c.File(t.Context(), hers.ID)
	wantError(t, "an image that was never met", err, catalog.ErrNoImage)
	r.wantHeads(t, 0)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			f, err := c.Find(t.Context(), hers.ID)
			if err != nil || f.Image.Name != "hers" || f.Path != ".by-id/"+string(hers.ID) || !f.Unlisted {
				t.Errorf("%+v, %v", f, err)
			}
		})
	}
	all.Wait()
	if f, err := c.File(t.Context(), hers.ID); err != nil || f.Image.Name != "hers" {
		t.Errorf("%+v, %v", f, err)
	}
	if n := treeOf(t, c).Len(); n != 0 {
		t.Errorf("the tree has %d images", n)
	}
	r.wantHeads(t, 1)
	r.wantLists(t, 1)
}

func TestImageThatIsNotThereIsAskedForAgainAfterAMoment(t *testing.T) {
	r := start(t)
	c, _ := unlisted(t, r, time.Hour)
	for range 10 {
		_, err := c.Find(t.Context(), nobody)
		wantError(t, "an id that no image has", err, catalog.ErrNoImage)
	}
	r.wantHeads(t, 1)
	time.Sleep(1100 * time.Millisecond)
	_, err := c.Find(t.Context(), nobody)
	wantError(t, "the id again", err, catalog.ErrNoImage)
	r.wantHeads(t, 2)
}

func TestWhatIsNoIDIsNotAskedFor(t *testing.T) {
	r := start(t)
	c, _ := unlisted(t, r, time.Hour)
	for _, id := range []meta.ID{"", "x", "..", "detail", "{" + nobody + "}", "urn:uuid:" + nobody, "5662192C-FE11-4f4a-9f55-e2bc69a186d5"} {
		_, err := c.Find(t.Context(), id)
		wantError(t, string(id), err, catalog.ErrNoImage)
	}
	r.wantHeads(t, 0)
}

func TestOwnImageThatIsFoundByItsIDIsListedAtOnce(t *testing.T) {
	r := start(t)
	c, _ := unlisted(t, r, time.Hour)
	mine := r.post(t, "dir/mine")
	if f := find(t, c, mine.ID); f.Path != "dir/mine" || f.Unlisted {
		t.Errorf("%+v", f)
	}
	if f := treeOf(t, c).File(mine.ID); f == nil || f.Path != "dir/mine" {
		t.Errorf("in the tree: %+v", f)
	}
	r.wantLists(t, 1)
}

func TestChangesOfAnUnlistedImageStayOutOfTheTree(t *testing.T) {
	r := start(t)
	c, hers := unlisted(t, r, time.Hour)
	find(t, c, hers.ID)
	c.Put(renamed(hers, "changed"))
	if f := find(t, c, hers.ID); f.Image.Name != "changed" || !f.Unlisted {
		t.Errorf("%+v", f)
	}
	if n := treeOf(t, c).Len(); n != 0 {
		t.Errorf("the tree has %d images", n)
	}
	c.Remove(hers.ID)
	_, err := c.Find(t.Context(), hers.ID)
	wantError(t, "a removed image", err, catalog.ErrNoImage)
	r.wantHeads(t, 1)
}

func TestForeignImageThatCameBackIsListedAgain(t *testing.T) {
	r := start(t)
	hers := postAs(t, r.alice, "hers")
	c := catalog.New(r.client, time.Hour)
	treeOf(t, c)
	find(t, c, hers.ID)
	c.Replace(hers.ID, r.post(t, "hers"))
	_, err := c.Find(t.Context(), hers.ID)
	wantError(t, "an image that was replaced", err, catalog.ErrNoImage)
	c.Put(hers)
	if f := find(t, c, hers.ID); f.Unlisted || treeOf(t, c).File(hers.ID) == nil {
		t.Errorf("%+v", f)
	}
	r.wantHeads(t, 0)
}

func TestUnlistedImageIsAskedForAgainAfterItsTime(t *testing.T) {
	r := start(t)
	c, hers := unlisted(t, r, 50*time.Millisecond)
	if _, err := r.alice.PutImage(t.Context(), hers.ID, meta.Fields{"access": "private"}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := c.Find(t.Context(), hers.ID)
	wantError(t, "a private image", err, catalog.ErrNoImage)
	if _, err := r.alice.PutImage(t.Context(), hers.ID, meta.Fields{"access": "public"}, nil); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); err != nil; time.Sleep(50 * time.Millisecond) {
		if _, err = c.Find(t.Context(), hers.ID); time.Now().After(deadline) {
			t.Fatal("it is never seen")
		}
	}
}

func TestSeekerWhoGoesDoesNotWait(t *testing.T) {
	r := start(t)
	c, hers := unlisted(t, r, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := c.Find(ctx, hers.ID)
	wantError(t, "find", err, context.Canceled)
}
