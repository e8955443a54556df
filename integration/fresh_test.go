//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The time to live in these tests, and how much later than that a busy machine may be.
const (
	freshTTL    = 2 * time.Second
	freshMargin = 8 * time.Second
)

// watched is a mount that another one's changes are looked for in, behind a proxy that
// counts what it asks for.
type watched struct {
	*mount
	t     *testing.T
	proxy *proxy
	since time.Time
	other *mount
	s     *server
}

func startWatched(t *testing.T) *watched {
	t.Helper()
	s := startServer(t)
	p := startProxy(t, s)
	w := &watched{t: t, proxy: p, s: s}
	w.mount = startMount(t, p.url, "--metadata-ttl", freshTTL.String())
	w.other = startMount(t, s.url, "--metadata-ttl", "1ms")
	w.since = time.Now()
	t.Cleanup(w.wantFewListings)
	return w
}

// wantFewListings demands that no more lists were asked for than one for each time to live.
func (w *watched) wantFewListings() {
	w.t.Helper()
	const listing = 200 * time.Millisecond // on a busy machine
	most := int(time.Since(w.since)/(freshTTL-listing)) + 2
	if n := len(w.proxy.list(isListing)); n > most {
		w.t.Errorf("%d listings in %v, want at most %d", n, time.Since(w.since), most)
	}
}

// soon demands that something is so within the time to live.
func (w *watched) soon(what string, is func() bool) {
	w.t.Helper()
	for began := time.Now(); time.Since(began) < freshTTL+freshMargin; time.Sleep(20 * time.Millisecond) {
		if is() {
			return
		}
	}
	w.t.Errorf("not within %v: %s", freshTTL+freshMargin, what)
}

func TestFileThatAnotherMountDeletesIsGoneForItsWatcher(t *testing.T) {
	t.Parallel()
	w := startWatched(t)
	for _, name := range []string{"a.iso", "d/b.iso"} {
		w.s.post(name, random(400, 1000), nil)
	}
	wantContent(t, w.path("a.iso"), random(400, 1000))
	wantContent(t, w.path("d/b.iso"), random(400, 1000))
	notify := startWatcher(t)
	for _, name := range []string{"a.iso", "d/b.iso", "d"} {
		notify.watch(w.path(name))
	}
	tool(t, "rm", "-r", w.other.path("a.iso"), w.other.path("d"))
	for _, name := range []string{"a.iso", "d/b.iso", "d"} {
		w.soon(name+" is told to be deleted", func() bool { return notify.events(w.path(name))&unix.IN_DELETE_SELF != 0 })
	}
	for _, name := range []string{"a.iso", "d/b.iso", "d"} {
		wantErrno(t, "stat "+name, syscall.Lstat(w.path(name), new(syscall.Stat_t)), syscall.ENOENT)
	}
	if got := names(t, w.dir); got != "" {
		t.Errorf("ls: %q", got)
	}
	tool(t, "mkdir", w.other.path("d"))
	tool(t, "cp", newFile(t, "x", random(400, 1000)), w.other.path("d/b.iso"))
	w.soon("a directory that comes again can be used, though its watcher holds the old one", func() bool {
		return os.WriteFile(w.path("d/c.iso"), []byte("x"), 0o644) == nil && names(t, w.path("d")) == "b.iso c.iso"
	})
}

func TestChangesByAnotherMountAreSeenInTime(t *testing.T) {
	t.Parallel()
	w := startWatched(t)
	old, fresh := random(401, 100_000), random(402, 70_000)
	for _, name := range []string{"renamed.iso", "replaced.iso", "labelled.iso", "closed.iso"} {
		w.s.post(name, old, nil)
	}
	for _, name := range []string{"renamed.iso", "replaced.iso", "labelled.iso", "closed.iso"} {
		wantContent(t, w.path(name), old)
	}
	notify := startWatcher(t)
	notify.watch(w.path("renamed.iso"))
	missing := func(name string) bool {
		return syscall.Lstat(w.path(name), new(syscall.Stat_t)) == syscall.ENOENT
	}
	for _, name := range []string{"created.iso", "new.iso", "sub"} {
		if !missing(name) {
			t.Errorf("%s is there already", name)
		}
	}
	reads := func(name string, data []byte) func() bool {
		return func() bool {
			got, err := os.ReadFile(w.path(name))
			return err == nil && bytes.Equal(got, data)
		}
	}
	o := w.other
	tool(t, "cp", newFile(t, "x", fresh), o.path("created.iso"))
	tool(t, "mv", o.path("renamed.iso"), o.path("new.iso"))
	tool(t, "cp", newFile(t, "x", fresh), o.path("replaced.iso"))
	tool(t, "setfattr", "-n", "user.visor.note", "-v", "hello", o.path("labelled.iso"))
	tool(t, "chmod", "600", o.path("closed.iso"))
	tool(t, "mkdir", o.path("sub"))
	tool(t, "cp", newFile(t, "x", fresh), o.path("sub/deep.iso"))

	w.soon("what was created is read", reads("created.iso", fresh))
	w.soon("what was renamed has its new name", reads("new.iso", old))
	w.soon("and not its old one", func() bool { return missing("renamed.iso") })
	w.soon("what was replaced has its new data", reads("replaced.iso", fresh))
	w.soon("the new attribute is there", func() bool {
		buf := make([]byte, 100)
		n, err := unix.Getxattr(w.path("labelled.iso"), "user.visor.note", buf)
		return err == nil && string(buf[:n]) == "hello"
	})
	w.soon("the new mode is there", func() bool {
		info, err := os.Stat(w.path("closed.iso"))
		return err == nil && info.Mode().Perm() == 0o600
	})
	w.soon("the new directory is there", reads("sub/deep.iso", fresh))
	if got := names(t, w.dir); got != "closed.iso created.iso labelled.iso new.iso replaced.iso sub" {
		t.Errorf("ls: %s", got)
	}
	if events := notify.events(w.path("renamed.iso")); events&unix.IN_DELETE_SELF != 0 {
		t.Errorf("the watcher of a renamed file was told that it is deleted: %#x", events)
	}
}

func TestDataOfALockedImageAreReadOnceTheyAreThere(t *testing.T) {
	t.Parallel()
	w := startWatched(t)
	data := random(403, 3<<20)
	id := w.s.post("a.img", nil, nil)
	wantContent(t, w.path("a.img"), nil)
	before, err := os.Open(w.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = before.Close() }()
	if n, err := before.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("read %d bytes of an image without data: %v", n, err)
	}
	if status, _, body := w.s.do(request{method: "PUT", path: "/images/" + id, body: data}); status != 200 {
		t.Fatalf("PUT: %d %s", status, body)
	}
	w.soon("the size is seen through the open file", func() bool {
		info, err := before.Stat()
		return err == nil && info.Size() == int64(len(data))
	})
	got := make([]byte, len(data))
	if _, err := before.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the file that was open reads wrong (%v)", err)
	}
	wantContent(t, w.path("a.img"), data)
}

func TestStatStormsCostNothing(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t, "--debug-fuse")
	for i := range 20 {
		s.post(fmt.Sprintf("d/%02d.iso", i), nil, nil)
	}
	tool(t, "ls", "-l", m.path("d"))
	p.reset()
	asked := func() int {
		log := m.stderr.String()
		return strings.Count(log, "LOOKUP") + strings.Count(log, "GETATTR")
	}
	before := asked()
	for range 200 {
		for i := range 20 {
			if _, err := os.Stat(m.path(fmt.Sprintf("d/%02d.iso", i))); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(m.path(fmt.Sprintf("d/missing-%02d", i))); !os.IsNotExist(err) {
				t.Fatalf("what is missing: %v", err)
			}
		}
	}
	p.wantRequests(t, "any", isAny, 0)
	if n := asked() - before; n > 200 { // a file or two per name, and the directories now and then; a request has two lines
		t.Errorf("the kernel asked in %d lines for 8000 calls of stat", n)
	}
}

func TestOpenFileSeesNewAttributes(t *testing.T) {
	t.Parallel()
	w := startWatched(t)
	w.s.post("a.img", random(404, 1000), nil)
	f, err := os.Open(w.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Stat(); err != nil {
		t.Fatal(err)
	}
	tool(t, "chmod", "600", w.other.path("a.img"))
	w.soon("the open file has the new mode", func() bool {
		info, err := f.Stat()
		return err == nil && info.Mode().Perm() == 0o600
	})
}

func TestRenamingByAttributeIsSeenAtOnce(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	s.post("a.iso", random(405, 1000), nil)
	tool(t, "stat", m.path("a.iso"))
	wantFailure(t, "No such file", "stat", m.path("b.iso"))
	p.reset()
	tool(t, "setfattr", "-n", "user.visor.name", "-v", "b.iso", m.path("a.iso"))
	eventually(t, "the file has its new name only", func() bool {
		_, old := os.Stat(m.path("a.iso"))
		_, moved := os.Stat(m.path("b.iso"))
		return os.IsNotExist(old) && moved == nil
	})
	p.wantRequests(t, "any", isAny, 1)
}

func TestReplacedFileHasItsOwnInodeNumberAtOnce(t *testing.T) {
	t.Parallel()
	s, _, m := counted(t)
	s.post("a.iso", random(406, 1000), nil)
	inode := func(args ...string) string { return tool(t, "stat", append(args, "-c", "%i", m.path("a.iso"))...) }
	before := inode()
	tool(t, "cp", newFile(t, "x", random(407, 1000)), m.path("a.iso"))
	eventually(t, "stat and ls agree about the new number", func() bool {
		listed := tool(t, "sh", "-c", `ls -i -U "$1" | cut -d" " -f1`, "sh", m.dir)
		return inode() == listed && listed != before
	})
}

// What others change at once in a directory where much goes on must block nobody.
func TestNotificationsBlockNobody(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--metadata-ttl", "100ms")
	m.allowLog("level=(WARN|ERROR)") // of files that go while they are looked at
	other := startMount(t, s.url, "--metadata-ttl", "1ms")
	other.allowLog("level=(WARN|ERROR)")
	end := time.Now().Add(8 * time.Second)
	var all sync.WaitGroup
	var steps atomic.Int64
	work := func(do func(i int)) {
		all.Go(func() {
			for i := 0; time.Now().Before(end); i++ {
				do(i)
				steps.Add(1)
			}
		})
	}
	path := func(m *mount, i int) string { return m.path(fmt.Sprintf("d/%d.iso", i%15)) }
	s.post("d/keep.iso", nil, nil)
	for range 2 {
		work(func(i int) { _, _ = os.Stat(path(m, i)) })
		work(func(int) { _, _ = os.ReadDir(m.path("d")) })
		work(func(i int) { _ = os.WriteFile(m.path(fmt.Sprintf("d/mine-%d.iso", i%5)), []byte("x"), 0o644) })
		work(func(i int) { _ = os.Rename(m.path(fmt.Sprintf("d/mine-%d.iso", i%5)), path(m, i)) })
		work(func(i int) { _ = os.WriteFile(path(other, i), []byte("y"), 0o644) })
		work(func(i int) { _ = os.Remove(path(other, i*7)) })
		work(func(i int) { _ = os.Rename(path(other, i), path(other, i*5+3)) })
	}
	over := make(chan struct{})
	go func() { all.Wait(); close(over) }()
	select {
	case <-over:
		t.Logf("%d steps", steps.Load())
	case <-time.After(time.Minute):
		m.kill() // frees who waits
		t.Fatal("somebody hangs")
	}
	var a, b result
	eventually(t, "both mounts show the same", func() bool {
		a, b = try(t, "ls", m.path("d")), try(t, "ls", other.path("d"))
		return a.stdout == b.stdout && a.stdout != ""
	})
	if t.Failed() {
		t.Logf("one shows %q, the other %q, the server has %d images", strings.Fields(a.stdout), strings.Fields(b.stdout), len(s.images()))
	}
	m.stop()
}

func TestUnusedMountAsksForNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--metadata-ttl", "100ms")
	p.reset() // of the check at the start
	time.Sleep(time.Second)
	p.wantRequests(t, "before it is used", isAny, 0)
	names(t, m.dir)
	eventually(t, "it is kept fresh for a while", func() bool { return len(p.list(isListing)) > 5 })
}
