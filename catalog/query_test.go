package catalog_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
)

func query(t *testing.T, text string) catalog.Query {
	t.Helper()
	q, err := catalog.ParseQuery(text)
	if err != nil {
		t.Fatal(err)
	}
	return q
}

// wantAnswer demands the names of the images in an answer.
func wantAnswer(t *testing.T, c *catalog.Catalog, text, want string) {
	t.Helper()
	entries, err := c.List(t.Context(), query(t, text))
	if err != nil {
		t.Errorf("%s: %v", text, err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	if got := strings.Join(names, " "); got != want {
		t.Errorf("%s: %q, want %q", text, got, want)
	}
}

func TestQueriesThatNoServerCouldAnswer(t *testing.T) {
	for _, text := range []string{"iso", "format=", "=iso", "format=%zz", "a=b;c=d", "format=iso&format=vdi", "sort=colour", "dir=up&sort=name", "sort=size&dir=desc,name"} {
		_, err := catalog.ParseQuery(text)
		wantError(t, text, err, visclient.ErrInvalid)
	}
	for _, text := range []string{"format=iso", "name=a%2Fb", "name=two words&sort=size", "flavour=small", "sort=_id&dir=asc"} {
		query(t, text)
	}
}

func TestManyShareTheAnswerToAQuery(t *testing.T) {
	r := start(t)
	r.post(t, "a/b")
	c := catalog.New(r.client, time.Hour)
	_, release := r.delay(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() { wantAnswer(t, c, "format=iso", "a%2Fb") })
	}
	time.Sleep(100 * time.Millisecond) // most of them wait by now
	release()
	all.Wait()
	for range 10 {
		f, err := c.Lookup(t.Context(), query(t, "format=iso"), "a%2Fb")
		if err != nil || f.Image.Name != "a/b" {
			t.Errorf("%+v, %v", f, err)
		}
		_, err = c.Lookup(t.Context(), query(t, "format=iso"), "none")
		wantError(t, "another name", err, catalog.ErrNoImage)
	}
	r.wantLists(t, 1)
}

func TestAnswerIsAskedForAgainAfterItsTime(t *testing.T) {
	r := start(t)
	c := catalog.New(r.client, 30*time.Millisecond)
	wantAnswer(t, c, "format=iso", "")
	r.post(t, "x")
	time.Sleep(40 * time.Millisecond)
	wantAnswer(t, c, "format=iso", "x")
}

func TestDeletionsAreTakenOutOfAnAnswer(t *testing.T) {
	r := start(t)
	a, b := r.post(t, "x"), r.post(t, "x")
	if a.CreatedAt.Equal(b.CreatedAt) && b.ID < a.ID {
		a = b // which has the plain name
	}
	r.post(t, "y")
	c := catalog.New(r.client, time.Hour)
	wantAnswer(t, c, "format=iso&sort=name&dir=desc", "y x x~"+idStart(t, r, a))
	c.Remove(a.ID)
	wantAnswer(t, c, "format=iso&sort=name&dir=desc", "y x~"+idStart(t, r, a))
	_, err := c.Lookup(t.Context(), query(t, "format=iso&sort=name&dir=desc"), "x")
	wantError(t, "what was deleted", err, catalog.ErrNoImage)
	r.wantLists(t, 1)
}

// idStart is what an image of a's name has beside it.
func idStart(t *testing.T, r *repo, a *meta.Image) string {
	t.Helper()
	images, err := r.client.GetImages(t.Context(), map[string][]string{"name": {a.Name}})
	if err != nil || len(images) != 2 {
		t.Fatal(images, err)
	}
	for _, img := range images {
		if img.ID != a.ID {
			return string(img.ID)[:8]
		}
	}
	t.Fatal("there is no other")
	return ""
}

func TestAfterALocalChangeOnlyTheServerKnowsTheAnswer(t *testing.T) {
	r := start(t)
	x := r.post(t, "x")
	r.post(t, "y")
	c := catalog.New(r.client, time.Hour)
	wantAnswer(t, c, "format=iso&sort=name", "x y")
	changed, err := r.client.PutImage(t.Context(), x.ID, meta.Fields{"format": "vdi"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c.Put(changed)
	q := query(t, "format=iso&sort=name")
	if f, err := c.Lookup(t.Context(), q, "y"); err != nil || f.Image.Name != "y" {
		t.Errorf("%+v, %v", f, err)
	}
	r.wantLists(t, 1) // nobody has touched y
	_, err = c.Lookup(t.Context(), q, "x")
	wantError(t, "what fits no longer", err, catalog.ErrNoImage)
	wantAnswer(t, c, "format=iso&sort=name", "y")
	r.wantLists(t, 2)
}

func TestAnswerUnderWayDoesNotUndoLocalChanges(t *testing.T) {
	r := start(t)
	removed, changed := r.post(t, "removed"), r.post(t, "changed")
	c := catalog.New(r.client, time.Hour)
	treeOf(t, c)
	made, release := r.delay(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		wantAnswer(t, c, "format=iso&name=removed", "")
	}()
	<-made // the answer has it
	c.Remove(removed.ID)
	c.Put(renamed(changed, "after"))
	release()
	<-done
	tree := treeOf(t, c)
	if tree.File(removed.ID) != nil || tree.File(changed.ID).Path != "after" {
		t.Error("the answer undid a local change in the tree")
	}
}

func TestAnswerDoesNotShowWhatIsAboutToBeReplaced(t *testing.T) {
	r := start(t)
	old := r.post(t, "x")
	c := catalog.New(r.client, time.Hour)
	treeOf(t, c)
	done := c.Expect("x")
	next := r.post(t, "x")
	wantAnswer(t, c, "format=iso", "x")
	if f, err := c.Lookup(t.Context(), query(t, "format=iso"), "x"); err != nil || f.Image.ID != old.ID {
		t.Errorf("before: %+v, %v", f, err)
	}
	c.Replace(old.ID, next)
	done()
	wantAnswer(t, c, "format=iso", "x")
	if f, err := c.Lookup(t.Context(), query(t, "format=iso"), "x"); err != nil || f.Image.ID != next.ID {
		t.Errorf("after: %+v, %v", f, err)
	}
}

func TestAnswerBringsTheTreeUpToDate(t *testing.T) {
	r := start(t)
	x := r.post(t, "x")
	c := catalog.New(r.client, time.Hour)
	treeOf(t, c)
	if _, err := r.client.PutImage(t.Context(), x.ID, nil, strings.NewReader("data")); err != nil {
		t.Fatal(err)
	}
	r.post(t, "new")
	wantAnswer(t, c, "format=iso&sort=name", "new x")
	tree := treeOf(t, c)
	if f := tree.File(x.ID); f.Image.Size != 4 || f.Image.Status != meta.Available {
		t.Errorf("%+v", f.Image)
	}
	if tree.Dir("").File("new") == nil {
		t.Error("the new image is not in the tree")
	}
	r.wantLists(t, 2)
}

func TestFailureOfAQueryIsSharedAndThenAskedAgain(t *testing.T) {
	r := start(t)
	r.status.Store(http.StatusForbidden)
	c := catalog.New(r.client, time.Hour)
	q := query(t, "format=iso")
	for range 20 {
		_, err := c.List(t.Context(), q)
		wantError(t, "list", err, visclient.ErrForbidden)
	}
	r.wantLists(t, 1)
	r.status.Store(0)
	time.Sleep(400 * time.Millisecond)
	wantAnswer(t, c, "format=iso", "")
	r.wantLists(t, 2)
}

func TestOnlySoManyAnswersAreKept(t *testing.T) {
	const most = 64
	r := start(t)
	c := catalog.New(r.client, time.Hour)
	for range 2 {
		for i := range most {
			wantAnswer(t, c, fmt.Sprintf("name=%d", i), "")
		}
		r.wantLists(t, most)
	}
	wantAnswer(t, c, "name=another", "")
	wantAnswer(t, c, "name=0", "") // which was asked longest ago
	r.wantLists(t, most+2)
}
