package catalog_test

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/visorfs/visorfs/catalog"
	"github.com/visorfs/visorfs/meta"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// repo is a repository, its server, and what the server is told to do with lists.
type repo struct {
	client    *visclient.Client
	alice     *visclient.Client // another user's
	lists     atomic.Int32      // asked for
	heads     atomic.Int32      // likewise
	unchanged atomic.Int32      // lists that were not sent again
	status    atomic.Int32      // to answer lists with; 0 for the list

	mu    sync.Mutex
	after chan struct{} // if not nil, a list that was made waits for it before it is sent
	made  chan struct{} // then gets a value for each such list
}

func start(t *testing.T) *repo {
	t.Helper()
	vis, err := visserver.New(visserver.Options{Dir: t.TempDir(), Users: map[string]string{"foo": "bar", "alice": "wonder"}})
	if err != nil {
		t.Fatal(err)
	}
	r := new(repo)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/images/detail" {
			r.lists.Add(1)
			r.list(vis, w, q)
			return
		}
		if q.Method == http.MethodHead {
			r.heads.Add(1)
		}
		vis.ServeHTTP(w, q)
	}))
	t.Cleanup(func() {
		s.Close()
		if err := vis.Close(); err != nil {
			t.Error(err)
		}
	})
	r.client = dial(t, s.URL, "foo", "bar")
	r.alice = dial(t, s.URL, "alice", "wonder")
	return r
}

func dial(t *testing.T, url, accessKey, secretKey string) *visclient.Client {
	t.Helper()
	c, err := visclient.New(visclient.Options{URL: url, AccessKey: accessKey, SecretKey: secretKey})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// catalog returns a catalog that the test's end closes.
func (r *repo) catalog(t *testing.T, ttl time.Duration) *catalog.Catalog {
	t.Helper()
	c := catalog.New(r.client, ttl)
	t.Cleanup(c.Close)
	return c
}

// list answers with the state of the moment it was asked, perhaps much later.
func (r *repo) list(vis http.Handler, w http.ResponseWriter, q *http.Request) {
	if code := int(r.status.Load()); code != 0 {
		w.WriteHeader(code)
		return
	}
	answer := httptest.NewRecorder()
	vis.ServeHTTP(answer, q)
	r.mu.Lock()
	after, made := r.after, r.made
	r.mu.Unlock()
	if after != nil {
		made <- struct{}{}
		<-after
	}
	if answer.Code == http.StatusNotModified {
		r.unchanged.Add(1)
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // the client has gone if this fails
}

// delay makes lists wait until release is called; made gets a value when one waits.
func (r *repo) delay(t *testing.T) (made <-chan struct{}, release func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	after := make(chan struct{})
	r.after, r.made = after, make(chan struct{}, 100)
	release = sync.OnceFunc(func() {
		r.mu.Lock()
		r.after = nil
		r.mu.Unlock()
		close(after)
	})
	t.Cleanup(release) // before the server's own, which waits for the lists
	return r.made, release
}

func (r *repo) post(t *testing.T, name string) *meta.Image {
	t.Helper()
	return postAs(t, r.client, name)
}

func postAs(t *testing.T, client *visclient.Client, name string) *meta.Image {
	t.Helper()
	img, err := client.PostImage(t.Context(), meta.Fields{"name": name, "architecture": "x86_64", "format": "iso"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func treeOf(t *testing.T, c *catalog.Catalog) *catalog.Tree {
	t.Helper()
	tree, err := c.Tree(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func (r *repo) wantLists(t *testing.T, want int32) {
	t.Helper()
	if got := r.lists.Load(); got != want {
		t.Errorf("the server was asked for %d lists, want %d", got, want)
	}
}

func TestManyCallersShareOneListing(t *testing.T) {
	r := start(t)
	r.post(t, "x")
	c := r.catalog(t, time.Hour)
	_, release := r.delay(t)
	var callers sync.WaitGroup
	for range 50 {
		callers.Go(func() {
			if tree, err := c.Tree(t.Context()); err != nil || tree.Len() != 1 {
				t.Errorf("%+v, %v", tree, err)
			}
		})
	}
	time.Sleep(100 * time.Millisecond) // most of them wait by now
	release()
	callers.Wait()
	for range 50 {
		treeOf(t, c)
	}
	r.wantLists(t, 1)
}

func TestListingIsMadeAnewAfterItsTimeToLive(t *testing.T) {
	r := start(t)
	c := r.catalog(t, time.Second)
	if n := treeOf(t, c).Len(); n != 0 {
		t.Errorf("%d images at first", n)
	}
	r.post(t, "x")
	for deadline := time.Now().Add(20 * time.Second); treeOf(t, c).Len() == 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the new image is never seen")
		}
	}
	r.wantLists(t, 2)
}

func TestFreshIsWhatIsLeftOfTheTimeToLive(t *testing.T) {
	r := start(t)
	c := r.catalog(t, time.Hour)
	if d := c.Fresh(c.Latest()); d != 0 {
		t.Errorf("fresh for %v before the first listing", d)
	}
	tree := treeOf(t, c)
	if d := c.Fresh(tree); d <= 59*time.Minute || d > time.Hour {
		t.Errorf("fresh for %v after it", d)
	}
	c.Put(&meta.Image{ID: "x", Name: "x"})
	if d := c.Fresh(tree); d != 0 {
		t.Errorf("fresh for %v after a local change", d)
	}
	if d := c.Fresh(treeOf(t, c)); d == 0 {
		t.Error("the tree with the local change is not fresh")
	}
	short := r.catalog(t, time.Millisecond)
	tree = treeOf(t, short)
	time.Sleep(10 * time.Millisecond)
	if d := short.Fresh(tree); d != 0 {
		t.Errorf("fresh for %v after the time to live", d)
	}
}

func TestLocalChangesAreVisibleAtOnce(t *testing.T) {
	r := start(t)
	old := r.post(t, "old")
	c := r.catalog(t, time.Hour)
	before := treeOf(t, c)

	added := r.post(t, "new")
	c.Put(added)
	renamed := old.Clone()
	renamed.Name = "renamed"
	c.Put(renamed)
	tree := treeOf(t, c)
	if f := tree.File(added.ID); f == nil || f.Path != "new" {
		t.Errorf("added: %+v", f)
	}
	if f := tree.File(old.ID); f == nil || f.Path != "renamed" || tree.Len() != 2 {
		t.Errorf("renamed: %+v", f)
	}
	c.Remove(old.ID)
	c.Remove("nobody")
	if tree = treeOf(t, c); tree.File(old.ID) != nil || tree.Len() != 1 {
		t.Errorf("removed: %+v", tree.File(old.ID))
	}
	if before.Len() != 1 || before.File(old.ID).Path != "old" {
		t.Error("a tree that was handed out has changed")
	}
	r.wantLists(t, 1)
}

func TestListingUnderWayDoesNotUndoLocalChanges(t *testing.T) {
	for what, first := range map[string]bool{"the first listing": true, "a later one": false} {
		r := start(t)
		removed, changed := r.post(t, "removed"), r.post(t, "changed")
		c := r.catalog(t, 50*time.Millisecond)
		if !first {
			treeOf(t, c)
			time.Sleep(60 * time.Millisecond)
		}
		made, release := r.delay(t)
		result := make(chan *catalog.Tree)
		go func() {
			tree, err := c.Tree(t.Context())
			if err != nil {
				t.Error(err)
			}
			result <- tree
		}()
		<-made // the reply holds both images as they were
		added := r.post(t, "added")
		after := changed.Clone()
		after.Name = "after"
		c.Put(added)
		c.Put(after)
		c.Remove(removed.ID)
		c.Put(&meta.Image{ID: "gone", Name: "put and removed"})
		c.Remove("gone")
		release()
		tree := <-result
		if tree.File(removed.ID) != nil || tree.File("gone") != nil {
			t.Errorf("%s brought back what was removed", what)
		}
		if f := tree.File(changed.ID); f == nil || f.Path != "after" {
			t.Errorf("%s undid a change: %+v", what, f)
		}
		if f := tree.File(added.ID); f == nil || f.Path != "added" || tree.Len() != 2 {
			t.Errorf("%s lost a new image: %+v", what, f)
		}
	}
}

func TestNextListingIsTheServersWord(t *testing.T) {
	r := start(t)
	c := r.catalog(t, time.Second)
	treeOf(t, c)
	c.Put(&meta.Image{ID: "stale", Name: "stale"}) // another client deletes it
	if treeOf(t, c).Len() != 1 {
		t.Error("the local change is not seen")
	}
	for deadline := time.Now().Add(20 * time.Second); treeOf(t, c).Len() != 0; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a local change outlives the next listing")
		}
	}
}

func TestFailureIsSharedAndThenAskedAgain(t *testing.T) {
	r := start(t)
	r.post(t, "x")
	r.status.Store(http.StatusForbidden)
	c := r.catalog(t, time.Hour)
	for range 20 {
		if _, err := c.Tree(t.Context()); !errors.Is(err, visclient.ErrForbidden) {
			t.Errorf("%v", err)
		}
	}
	r.wantLists(t, 1)
	if d := c.Fresh(c.Latest()); d != 0 {
		t.Errorf("a failure is fresh for %v", d)
	}
	r.status.Store(0)
	var err error
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if _, err = c.Tree(t.Context()); err == nil {
			break
		}
	}
	if err != nil || treeOf(t, c).Len() != 1 {
		t.Errorf("never asked again: %v", err)
	}
	r.wantLists(t, 2)
}

func TestLocalChangeDuringAFailingListingIsKept(t *testing.T) {
	r := start(t)
	c := r.catalog(t, time.Second)
	treeOf(t, c)
	r.status.Store(http.StatusForbidden)
	time.Sleep(1100 * time.Millisecond)
	if _, err := c.Tree(t.Context()); err == nil {
		t.Fatal("no error")
	}
	added := r.post(t, "added")
	c.Put(added)
	r.status.Store(0)
	time.Sleep(1100 * time.Millisecond)
	if f := treeOf(t, c).File(added.ID); f == nil || f.Path != "added" {
		t.Errorf("%+v", f)
	}
}

func TestCallerWhoGoesDoesNotEndTheListing(t *testing.T) {
	r := start(t)
	r.post(t, "x")
	c := r.catalog(t, time.Hour)
	made, release := r.delay(t)
	ctx, cancel := context.WithCancel(t.Context())
	gone, stays := make(chan error), make(chan error)
	go func() { _, err := c.Tree(ctx); gone <- err }()
	<-made
	go func() { _, err := c.Tree(t.Context()); stays <- err }()
	cancel()
	select {
	case err := <-gone:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the caller who went got %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a cancelled caller goes on waiting")
	}
	release()
	if err := <-stays; err != nil {
		t.Errorf("the other got %v", err)
	}
	if treeOf(t, c).Len() != 1 {
		t.Error("the listing is lost")
	}
	r.wantLists(t, 1)
}

func TestConcurrentUse(t *testing.T) {
	r := start(t)
	c := r.catalog(t, time.Millisecond)
	img := r.post(t, "x")
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 50 {
				c.Put(img)
				if tree, err := c.Tree(t.Context()); err != nil || tree.Dir("").Names() == nil {
					t.Errorf("%+v, %v", tree, err)
				}
				c.Fresh(c.Latest())
				c.Remove("nobody")
			}
		})
	}
	all.Wait()
}
