package catalog_test

import (
	"slices"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
)

// wantNames compares what is in the root with names.
func wantNames(t *testing.T, c *catalog.Catalog, names ...string) {
	t.Helper()
	if got := treeOf(t, c).Dir("").Names(); !slices.Equal(got, names) {
		t.Errorf("the root has %q, want %q", got, names)
	}
}

func (r *repo) wantUnchanged(t *testing.T, want int32) {
	t.Helper()
	if got := r.unchanged.Load(); got != want {
		t.Errorf("%d lists were not sent again, want %d", got, want)
	}
}

func TestListThatDidNotChangeIsNotSentAgain(t *testing.T) {
	r := start(t)
	r.post(t, "x")
	c := catalog.New(r.client, time.Nanosecond)
	for range 3 {
		wantNames(t, c, "x")
	}
	r.wantUnchanged(t, 2)
	r.post(t, "y")
	wantNames(t, c, "x", "y")
	r.wantUnchanged(t, 2)
	r.wantLists(t, 4)
}

func TestUnchangedListIsFreshAgain(t *testing.T) {
	r := start(t)
	r.post(t, "x")
	c := catalog.New(r.client, 200*time.Millisecond)
	wantNames(t, c, "x")
	for end := time.Now().Add(time.Minute); ; { // a slow machine needs several tries
		unchanged := r.unchanged.Load()
		wantNames(t, c, "x")
		lists := r.lists.Load()
		wantNames(t, c, "x")
		if r.unchanged.Load() > unchanged && r.lists.Load() == lists {
			return
		}
		if time.Now().After(end) {
			t.Fatal("an unchanged list is never fresh")
		}
	}
}

// The server's list is still the one before the local change, which turned out not to be so.
func TestLocalChangeIsNotKeptByAListThatDidNotChange(t *testing.T) {
	r := start(t)
	img := r.post(t, "x")
	c := catalog.New(r.client, time.Nanosecond)
	wantNames(t, c, "x")
	c.Remove(img.ID)
	wantNames(t, c, "x")
	r.wantUnchanged(t, 0)
	wantNames(t, c, "x")
	r.wantUnchanged(t, 1)
}

func TestUnchangedListUnderWayDoesNotUndoLocalChanges(t *testing.T) {
	r := start(t)
	img := r.post(t, "x")
	c := catalog.New(r.client, time.Nanosecond)
	wantNames(t, c, "x")
	made, release := r.delay(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		wantNames(t, c) // the image was removed while the list was under way
	}()
	<-made
	if _, err := r.client.DeleteImage(t.Context(), img.ID); err != nil {
		t.Error(err)
	}
	c.Remove(img.ID)
	release()
	<-done
	r.wantUnchanged(t, 1)
	r.post(t, "y")
	wantNames(t, c, "y")
	r.wantUnchanged(t, 1)
}

func TestWhatWasHiddenIsShownAlthoughTheListDidNotChange(t *testing.T) {
	r := start(t)
	r.post(t, "x")
	c := catalog.New(r.client, time.Nanosecond)
	wantNames(t, c, "x")
	shown := c.Expect("y")
	r.post(t, "y")
	wantNames(t, c, "x")
	shown()
	wantNames(t, c, "x", "y")
	r.wantUnchanged(t, 0)
}

func TestEmptiedDirectoryDoesNotLingerForEver(t *testing.T) {
	r := start(t)
	c := catalog.New(r.client, time.Nanosecond)
	r.post(t, "x")
	img := r.post(t, "d/y")
	treeOf(t, c)
	if _, err := r.client.DeleteImage(t.Context(), img.ID); err != nil {
		t.Fatal(err)
	}
	c.Remove(img.ID)
	for end := time.Now().Add(time.Minute); treeOf(t, c).Dir("d") != nil; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the directory is still found after a minute")
		}
	}
	if r.unchanged.Load() == 0 {
		t.Error("the list was sent each time")
	}
}
