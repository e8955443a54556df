//go:build linux

package integration

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func isBriefList(r seen) bool { return r.method == http.MethodGet && r.path == "/images" }

func TestQueryDirectoryIsTheServersAnswer(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, _ *proxy, m *mount) {
		for i, extra := range []map[string]string{
			{"format": "iso", "type": "machine"}, {"format": "iso", "architecture": "i386"}, {"format": "vdi"}, {"format": "iso"}, {"format": "vdi", "type": "machine"},
		} {
			s.post(fmt.Sprintf("dir/%d of %d", i, 5), random(uint64(i), 1000*(7*i%5+1)), extra)
		}
		for _, query := range []string{
			"format=iso", "architecture=x86_64&format=iso", "type=machine&sort=name", "sort=size&dir=desc", "sort=size&dir=asc", "sort=size",
			"format=iso&sort=size&dir=desc", "name=dir%2F3 of 5", "name=dir%2F3+of+5", "type=ramdisk", "format=vdi&sort=created_at",
		} {
			want := idsOf(s.answer(strings.ReplaceAll(query, " ", "+")))
			dir := m.path(".query/" + query)
			entries, err := os.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			names, err := entries.Readdirnames(-1)
			_ = entries.Close()
			if err != nil {
				t.Errorf("%s: %v", query, err)
			}
			var got []string
			for _, name := range names {
				got = append(got, tool(t, "getfattr", "--absolute-names", "--only-values", "-n", "user.visor._id", filepath.Join(dir, name)))
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s: %v, want %v", query, got, want)
			}
		}
	})
}

func TestQueryDirectoryIsAskedForOnce(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, p *proxy, m *mount) {
		s.postNumbered(20, numberedAs("iso"), map[string]string{"format": "iso"})
		p.reset()
		for range 2 {
			if got := tool(t, "ls", "-l", m.path(".query/format=iso")); strings.Count(got, ".iso\n") != 20 {
				t.Errorf("ls -l: %s", got)
			}
		}
		if _, err := os.Stat(m.path(".query/format=iso/none")); !os.IsNotExist(err) {
			t.Errorf("a name that is not there: %v", err)
		}
		wantContent(t, m.path(".query/format=iso/007.iso"), nil)
		tool(t, "getfattr", "-R", "-d", "--absolute-names", m.path(".query/format=iso"))
		p.wantRequests(t, "any", isAny, 1)
		p.wantRequests(t, "list", isListing, 1)
		if got := p.list(isListing); len(got) == 1 && got[0].query != "format=iso" {
			t.Errorf("asked for %q", got[0].query)
		}
	})
}

func TestQueryDirectoryIsAskedForAgainAfterItsTime(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--metadata-ttl", "1s")
	if got := names(t, m.path(".query/format=iso")); got != "" {
		t.Errorf("ls: %q", got)
	}
	id := s.post("a.iso", nil, map[string]string{"format": "iso"})
	eventually(t, "the new image shows", func() bool { return names(t, m.path(".query/format=iso")) == "a.iso" })
	s.delete(id)
	eventually(t, "the deleted image is gone", func() bool { return names(t, m.path(".query/format=iso")) == "" })
}

func TestImagesOfOneNameAreApartInAQueryDirectory(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, _ *proxy, m *mount) {
		for range 3 {
			s.post("twin.iso", nil, map[string]string{"format": "iso"})
		}
		s.post("a/b.iso", nil, map[string]string{"format": "iso"})
		s.post("a%2Fb.iso", nil, map[string]string{"format": "iso"})
		kept := s.post("twin.iso", nil, map[string]string{"format": "vdi"})
		dir := m.path(".query/format=iso")
		got := unsorted(t, dir)
		if len(got) != 5 || !slices.Contains(got, "twin.iso") || !slices.Contains(got, "a%2Fb.iso") {
			t.Errorf("ls: %q", got)
		}
		ids, want := idsIn(t, dir), idsOf(s.answer("format=iso"))
		if slices.Sort(ids); !slices.Equal(ids, slices.Sorted(slices.Values(want))) {
			t.Errorf("ids: %v, want %v", ids, want)
		}
		tool(t, "sh", "-ec", `rm "$1"/*`, "sh", dir)
		if left := idsOf(s.images()); !slices.Equal(left, []string{kept}) {
			t.Errorf("left: %v, want %s", left, kept)
		}
	})
}

// removals are ways to delete by query.
var removals = map[string]string{
	"rm":    `cd "$1/.query" && rm 'format=vdi'/*`,
	"rmdir": `rmdir "$1/.query/format=vdi"`,
	"rm -r": `cd "$1" && rm -r .query/format=vdi`,
}

func TestRemovingInAQueryDirectoryDeletesExactlyTheAnswer(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, p *proxy, _ *mount) {
		s.postNumbered(40, numberedAs("iso"), map[string]string{"format": "iso"})
		s.postNumbered(10, func(i int) string { return fmt.Sprintf("vdi/%d.iso", i) }, map[string]string{"format": "vmdk"})
		kept := idsOf(s.images())
		for way, script := range removals {
			s.postNumbered(15, func(i int) string { return fmt.Sprintf("dir%d/x%d.vdi", i%3, i%7) }, map[string]string{"format": "vdi"})
			fresh := startMount(t, p.url, "--metadata-ttl", "1h")
			if got := tool(t, "find", fresh.dir, "-name", "*.vdi"); strings.Count(got, "\n") != 15 {
				t.Errorf("find: %s", got)
			}
			p.reset()
			tool(t, "sh", "-ec", script, "sh", fresh.dir)
			p.wantRequests(t, way+": DELETE", is("DELETE"), 15)
			if lists := len(p.list(isListing)) + len(p.list(isBriefList)); lists > 2 {
				t.Errorf("%s: %d lists were asked for: %v", way, lists, p.list(isListing))
			}
			if left := idsOf(s.images()); !slices.Equal(left, kept) {
				t.Errorf("%s: %d images are left, want the %d others", way, len(left), len(kept))
			}
			if got := tool(t, "find", fresh.dir, "-name", "*.vdi"); got != "" {
				t.Errorf("%s: the tree shows %s", way, got)
			}
			if _, err := os.Stat(fresh.path("dir0/x0.vdi")); !os.IsNotExist(err) {
				t.Errorf("%s: stat in the tree: %v", way, err)
			}
			if got := names(t, fresh.path(".query/format=vdi")); got != "" {
				t.Errorf("%s: the query still shows %q", way, got)
			}
			if got := strings.Fields(names(t, fresh.path(".query/format=iso"))); len(got) != 40 {
				t.Errorf("%s: %d others are shown", way, len(got))
			}
		}
	})
}

func TestRemovingAQueryThatSelectsNothingInParticularIsRefused(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	m.expectLog(`level=WARN msg="rmdir: the query only orders`)
	s.post("a.iso", nil, nil)
	p.reset()
	wantErrno(t, "rmdir", syscall.Rmdir(m.path(".query/sort=size&dir=desc")), syscall.EPERM)
	p.wantRequests(t, "any", isAny, 0)
	s.only("a.iso")
}

func TestQueryThatTheServerRefusesIsInvalid(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, p *proxy, m *mount) {
		m.allowLog(`level=WARN msg="(lookup|readdir|rmdir): `)
		s.post("a.iso", nil, nil)
		queries := []string{"format=o'brien"}
		if slices.Contains(s.args, likeOriginal) {
			queries = append(queries, "color=red")
		} else {
			queries = nil // it answers every query that the mount lets pass
		}
		for _, query := range queries {
			begin := p.list(isAny)
			_, err := os.ReadDir(m.path(".query/" + query))
			wantErrno(t, "readdir of "+query, err, syscall.EINVAL)
			_, err = os.Stat(m.path(".query/" + query + "/x"))
			wantErrno(t, "lookup in "+query, err, syscall.EINVAL)
			wantErrno(t, "rmdir of "+query, syscall.Rmdir(m.path(".query/"+query)), syscall.EINVAL)
			if asked := len(p.list(isAny)) - len(begin); asked > 6 {
				t.Errorf("%s: asked %d times", query, asked)
			}
		}
		for _, r := range p.list(isAny) {
			if strings.Contains(r.query, "%27") {
				t.Errorf("sent: %s?%s", r.path, r.query)
			}
		}
		s.only("a.iso")
	})
}

func TestServerThatRefusesAQueryGivesInvalidArgument(t *testing.T) {
	t.Parallel()
	_, p, m := counted(t)
	m.expectLog(`level=WARN msg="readdir: .*path="?/.query/size=many.*status=400`)
	p.setFault(always(fault{status: 400}))
	_, err := os.ReadDir(m.path(".query/size=many"))
	wantErrno(t, "readdir", err, syscall.EINVAL)
}

func TestQueryDirectoryOfAServerThatIsAwayIsAnError(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--timeout", "1s")
	m.expectLog(`level=ERROR msg="readdir: `)
	m.allowLog(`level=ERROR msg="lookup: `)
	s.post("a.iso", nil, map[string]string{"format": "iso"})
	s.stop()
	_, err := os.ReadDir(m.path(".query/format=iso"))
	wantErrno(t, "readdir", err, syscall.EIO, syscall.ETIMEDOUT)
	_, err = os.Stat(m.path(".query/format=iso/a.iso"))
	wantErrno(t, "stat", err, syscall.EIO, syscall.ETIMEDOUT)
	tool(t, "stat", m.path(".query/format=iso"))
	s.restart()
	eventually(t, "it shows again", func() bool {
		got, err := os.ReadDir(m.path(".query/format=iso"))
		return err == nil && len(got) == 1
	})
}

func TestLocalChangesShowInQueryDirectoriesAtOnce(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, _ *proxy, m *mount) {
		dir := m.path(".query/format=iso")
		want := func(step, list string) {
			t.Helper()
			if got := names(t, dir); got != list {
				t.Errorf("%s: %q, want %q", step, got, list)
			}
		}
		want("at first", "")
		tool(t, "cp", newFile(t, "a.iso", random(410, 1000)), m.dir)
		want("after cp", "a.iso")
		wantContent(t, filepath.Join(dir, "a.iso"), random(410, 1000))
		tool(t, "cp", newFile(t, "a.iso", random(411, 2000)), m.path("a.iso"))
		want("after cp over it", "a.iso")
		wantContent(t, filepath.Join(dir, "a.iso"), random(411, 2000))
		tool(t, "mv", m.path("a.iso"), m.path("b.iso"))
		want("after mv", "b.iso")
		tool(t, "touch", m.path("c.iso"))
		tool(t, "setfattr", "-n", "user.visor.format", "-v", "vdi", filepath.Join(dir, "b.iso"))
		want("after another format", "c.iso")
		if _, err := os.Stat(filepath.Join(dir, "b.iso")); !os.IsNotExist(err) {
			t.Errorf("what fits no longer is still found: %v", err)
		}
		tool(t, "rm", m.path("c.iso"))
		want("after rm", "")
		tool(t, "stat", m.path("b.iso")) // the kernel knows it
		tool(t, "rm", m.path(".query/format=vdi/b.iso"))
		if _, err := os.Stat(m.path("b.iso")); !os.IsNotExist(err) {
			t.Errorf("stat after rm in the query: %v", err)
		}
		if got := names(t, m.dir); got != "" {
			t.Errorf("ls after rm in the query: %q", got)
		}
		s.wantEmpty()
	})
}

func TestFileThatIsWrittenIsRemovedByQueryLikeByItsPath(t *testing.T) {
	t.Parallel()
	for way, script := range removals {
		s, m := mounted(t)
		tool(t, "cp", newFile(t, "a.vdi", random(413, 100_000)), m.path("a.vdi"))
		f, err := os.OpenFile(m.path("a.vdi"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte("changed"), 50_000); err != nil {
			t.Fatal(err)
		}
		tool(t, "sh", "-ec", script, "sh", m.dir)
		if err := f.Close(); err != nil {
			t.Errorf("%s: close: %v", way, err)
		}
		s.wantEmpty()
		if got := names(t, m.dir); got != "" {
			t.Errorf("%s: ls: %q", way, got)
		}
	}
}

func TestStateThatAQueryFoundIsWhatIsRead(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, _ *proxy, m *mount) {
		id := s.post("a.iso", nil, nil)
		wantContent(t, m.path("a.iso"), nil)
		data := random(412, 20_000)
		if status, _, body := s.do(request{method: "PUT", path: "/images/" + id, body: data}); status != http.StatusOK {
			t.Fatalf("PUT: %d %s", status, body)
		}
		s.wantSettled("a.iso", data)
		wantContent(t, m.path(".query/status=available/a.iso"), data) // the listing of before says that it is empty
		wantContent(t, m.path("a.iso"), data)
	})
}

func TestManyQueriesAtOnce(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	s.post("a.iso", []byte("data"), map[string]string{"format": "iso"})
	names(t, m.dir)
	p.reset()
	queries := make([]string, 200)
	for i := range queries {
		queries[i] = fmt.Sprintf("name=%d", i/2)
	}
	queries[100] = "name=a.iso"
	atOnce(t, queries, func(query string) error {
		for range 2 {
			entries, err := os.ReadDir(m.path(".query/" + query))
			if err != nil {
				return err
			}
			if want := query == "name=a.iso"; (len(entries) == 1) != want {
				return fmt.Errorf("%d entries", len(entries))
			}
		}
		return nil
	})
	wantContent(t, m.path(".query/name=a.iso/a.iso"), []byte("data"))
}
