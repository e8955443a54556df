//go:build linux

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// users are those of startServerOfUsers, with their secret keys.
var users = map[string]string{accessKey: secretKey, "alice": "wonder"}

// startServerOfUsers starts a server that alice uses too.
func startServerOfUsers(t *testing.T, args ...string) *server {
	t.Helper()
	var lines strings.Builder
	for user, secret := range users {
		fmt.Fprintf(&lines, "%s: %s\n", user, secret)
	}
	file := filepath.Join(t.TempDir(), "users.yml")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return startServer(t, append([]string{"--users", file}, args...)...)
}

// withBothServersCounted is withBothServers, with a mount through a proxy whose listing
// stays fresh.
func withBothServersCounted(t *testing.T, test func(t *testing.T, s *server, p *proxy, m *mount)) {
	t.Helper()
	withBothServers(t, func(t *testing.T, s *server) {
		p := startProxy(t, s)
		test(t, s, p, startMount(t, p.url, "--metadata-ttl", "1h"))
	})
}

// unsorted lists a directory in its own order.
func unsorted(t *testing.T, dir string) []string {
	t.Helper()
	return strings.Fields(tool(t, "ls", "-U", dir))
}

// idsIn reads the ids of the images in a directory, in its order.
func idsIn(t *testing.T, dir string) []string {
	t.Helper()
	var ids []string
	for _, name := range unsorted(t, dir) {
		ids = append(ids, tool(t, "getfattr", "--absolute-names", "--only-values", "-n", "user.visor._id", filepath.Join(dir, name)))
	}
	return ids
}

// idsOf are the ids of images, in their order.
func idsOf(images []image) []string {
	var ids []string
	for _, img := range images {
		ids = append(ids, img.text("_id"))
	}
	return ids
}

// postNumbered registers images without data whose names follow from a number.
func (s *server) postNumbered(count int, name func(int) string, extra map[string]string) {
	s.t.Helper()
	var names []string
	for i := range count {
		names = append(names, name(i))
	}
	s.postMany(names, extra)
}

func numberedAs(format string) func(int) string {
	return func(i int) string { return fmt.Sprintf("%03d.%s", i, format) }
}

func TestSpecialDirectoriesAreNotListed(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	id := s.post("a.iso", random(400, 1000), map[string]string{"format": "iso"})
	if got := tool(t, "ls", "-A", m.dir); got != "a.iso\n" {
		t.Errorf("ls -A: %q", got)
	}
	wantContent(t, m.path(".by-id/"+id), random(400, 1000))
	wantContent(t, m.path(".query/format=iso/a.iso"), random(400, 1000))
	if got := tool(t, "find", m.dir); got != m.dir+"\n"+m.path("a.iso")+"\n" {
		t.Errorf("find: %q", got)
	}
	if got := names(t, m.path(".query")); got != "" {
		t.Errorf("ls .query: %q", got)
	}
	target := t.TempDir()
	tool(t, "cp", "-r", m.dir+"/.", target)
	if got := tool(t, "ls", "-A", target); got != "a.iso\n" {
		t.Errorf("cp -r copied %q", got)
	}
}

func TestLookingAtSpecialDirectoriesIsNoRequest(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, _ *server, p *proxy, m *mount) {
		m.expectLog(`level=WARN msg="lookup: invalid request: query .*sort=colour`)
		m.allowLog(`level=WARN msg="lookup: invalid request: query`)
		p.reset()
		for _, path := range []string{".by-id", ".query", ".query/format=iso", ".query/name=a%2Fb&sort=size&dir=desc", ".query/name=two words"} {
			if got := tool(t, "stat", "-c", "%F %a", m.path(path)); got != "directory 755\n" {
				t.Errorf("stat %s: %s", path, got)
			}
		}
		for path, want := range map[string]syscall.Errno{
			".query/iso":                     syscall.ENOENT,
			".query/.git":                    syscall.ENOENT,
			".query/format=":                 syscall.EINVAL,
			".query/=iso":                    syscall.EINVAL,
			".query/format=iso&format=vdi":   syscall.EINVAL,
			".query/format=%zz":              syscall.EINVAL,
			".query/format=iso;type=machine": syscall.EINVAL,
			".query/sort=colour":             syscall.EINVAL,
			".query/sort=size&dir=up":        syscall.EINVAL,
		} {
			_, err := os.Stat(m.path(path))
			wantErrno(t, path, err, want)
		}
		p.wantRequests(t, "any", isAny, 0)
	})
}

func TestNothingCanBeMadeInSpecialDirectories(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	id := s.post("a.iso", random(401, 1000), map[string]string{"format": "iso"})
	for _, dir := range []string{".by-id", ".query", ".query/format=iso", ".visorfs"} {
		dir := m.path(dir)
		_, err := os.Create(dir + "/new=1")
		wantErrno(t, "create in "+dir, err, syscall.EPERM, syscall.EISDIR)
		wantErrno(t, "mkdir in "+dir, os.Mkdir(dir+"/new", 0o755), syscall.EPERM)
		wantErrno(t, "link in "+dir, os.Link(m.path("a.iso"), dir+"/new"), syscall.EPERM)
		wantErrno(t, "symlink in "+dir, os.Symlink("x", dir+"/new"), syscall.EPERM)
		wantErrno(t, "rename into "+dir, os.Rename(m.path("a.iso"), dir+"/new"), syscall.EPERM)
		wantErrno(t, "chmod of "+dir, os.Chmod(dir, 0o700), syscall.EPERM)
	}
	for _, path := range []string{".by-id/" + id, ".query/format=iso/a.iso", ".query/format=iso", ".query", ".by-id", ".visorfs", ".visorfs/version"} {
		wantErrno(t, "rename of "+path, os.Rename(m.path(path), m.path("b.iso")), syscall.EPERM)
	}
	for _, dir := range []string{".by-id", ".query", ".visorfs"} {
		wantErrno(t, "mkdir "+dir, os.Mkdir(m.path(dir), 0o755), syscall.EEXIST)
		_, err := os.Create(m.path(dir))
		wantErrno(t, "create "+dir, err, syscall.EISDIR)
		wantErrno(t, "rename over "+dir, syscall.Rename(m.path("a.iso"), m.path(dir)), syscall.EISDIR, syscall.EPERM)
		wantErrno(t, "exchange with "+dir, unix.Renameat2(unix.AT_FDCWD, m.path("a.iso"), unix.AT_FDCWD, m.path(dir), unix.RENAME_EXCHANGE), syscall.EPERM)
	}
	wantErrno(t, "rmdir of .query", os.Remove(m.path(".query")), syscall.EPERM)
	wantErrno(t, "rmdir of .by-id", os.Remove(m.path(".by-id")), syscall.EPERM)
	wantErrno(t, "link out", os.Link(m.path(".by-id/"+id), m.path("b.iso")), syscall.EPERM)
	s.wantStored("a.iso", random(401, 1000))
}

func TestImageIsTheSameFileByItsPathItsIDAndInQueries(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, p *proxy, m *mount) {
		data := random(402, 300_000)
		id := s.postSettled("debian/12/base.iso", data, map[string]string{"format": "iso", "flavour": "small"})
		s.post("other.vdi", nil, map[string]string{"format": "vdi"})
		tool(t, "ls", m.dir)
		p.reset()
		paths := []string{"debian/12/base.iso", ".by-id/" + id, ".query/format=iso/debian%2F12%2Fbase.iso"}
		inode := tool(t, "stat", "-c", "%i %s %a", m.path(paths[0]))
		for _, path := range paths {
			wantContent(t, m.path(path), data)
			wantAttributes(t, m.path(path), map[string]string{"_id": id, "name": "debian/12/base.iso", "flavour": "small"})
			if got := tool(t, "stat", "-c", "%i %s %a", m.path(path)); got != inode {
				t.Errorf("%s: inode, size, mode %s, want %s", path, got, inode)
			}
		}
		p.wantRequests(t, "data", isData, 1)
		p.wantRequests(t, "HEAD", is("HEAD"), 0)
		tool(t, "setfattr", "-n", "user.visor.note", "-v", "by id", m.path(paths[1]))
		tool(t, "chmod", "600", m.path(paths[2]))
		for _, path := range paths {
			wantAttributes(t, m.path(path), map[string]string{"note": "by id", "access": "private"})
		}
		if got := names(t, m.path(".by-id")); got != strings.Join(slices.Sorted(slices.Values(idsOf(s.images()))), " ") {
			t.Errorf("ls .by-id: %q", got)
		}
		tool(t, "cp", m.path(paths[1]), m.path("copy.iso"))
		s.wantSettled("copy.iso", data)
	})
}

func TestWritingToAnIDIsWritingToThePath(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, _ *proxy, m *mount) {
		old := s.postSettled("dir/a.dat", random(403, 100_000), map[string]string{"flavour": "small"})
		data := random(404, 200_000)
		tool(t, "cp", newFile(t, "source", data), m.path(".by-id/"+old))
		img := s.wantSettled("dir/a.dat", data)
		if n := len(s.images()); n != 1 || img.text("_id") == old || img.text("flavour") != "small" {
			t.Errorf("%d images, %v", n, img)
		}
		wantContent(t, m.path("dir/a.dat"), data)
		wantContent(t, m.path(".by-id/"+img.text("_id")), data)
		_, err := os.Stat(m.path(".by-id/" + old))
		wantErrno(t, "the id of what was replaced", err, syscall.ENOENT)

		longer := slices.Concat(data, []byte("more"))
		tool(t, "sh", "-ec", `printf more >> "$1"`, "sh", m.path(".query/status=available&name=dir%2Fa.dat/dir%2Fa.dat"))
		s.wantSettled("dir/a.dat", longer)
		wantContent(t, m.path("dir/a.dat"), longer)
	})
}

func TestUnknownIDIsNotThere(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, _ *server, p *proxy, m *mount) {
		tool(t, "ls", m.dir)
		p.reset()
		for _, id := range []string{"x", "a.iso", strings.Repeat("a", 36), strings.Repeat("a", 250), "5662192C-FE11-4F4A-9F55-E2BC69A186D5", "{5662192c-fe11-4f4a-9f55-e2bc69a186d5}"} {
			_, err := os.Stat(m.path(".by-id/" + id))
			wantErrno(t, id, err, syscall.ENOENT)
		}
		p.wantRequests(t, "any", isAny, 0)
		_, err := os.Stat(m.path(".by-id/5662192c-fe11-4f4a-9f55-e2bc69a186d5"))
		wantErrno(t, "an id that nothing has", err, syscall.ENOENT)
		p.wantRequests(t, "any", isAny, 1)
		p.wantRequests(t, "HEAD", is("HEAD"), 1)
	})
}

func TestImageOfTheLastMomentIsFoundByItsID(t *testing.T) {
	withBothServersCounted(t, func(t *testing.T, s *server, p *proxy, m *mount) {
		tool(t, "ls", m.dir)
		data := random(405, 50_000)
		id := s.postSettled("late.iso", data, nil)
		path := m.path(".by-id/" + id)
		p.reset()
		for range 3 {
			wantContent(t, path, data)
			wantAttributes(t, path, map[string]string{"name": "late.iso"})
		}
		p.wantRequests(t, "HEAD", is("HEAD"), 1)
		p.wantRequests(t, "list", isListing, 0)
		tool(t, "cp", newFile(t, "source", []byte("new")), path)
		s.wantSettled("late.iso", []byte("new"))
		wantContent(t, m.path("late.iso"), []byte("new"))
	})
}

func TestUnlistedImageThatIsDeletedElsewhereIsGoneInTime(t *testing.T) {
	t.Parallel()
	s := startServerOfUsers(t, likeOriginal)
	m := startMount(t, s.url, "--metadata-ttl", "1s")
	id := s.postAs("alice", "hers.iso", nil, nil)
	path := m.path(".by-id/" + id)
	tool(t, "stat", path)
	s.delete(id)
	eventually(t, "it is gone", func() bool {
		_, err := os.Stat(path)
		return os.IsNotExist(err)
	})
}

func TestForeignImageIsReadByItsIDAndNotChanged(t *testing.T) {
	t.Parallel()
	s := startServerOfUsers(t, likeOriginal)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--metadata-ttl", "1h")
	m.expectLog(`level=WARN msg="setxattr .* the image is alice's`)
	m.allowLog(`level=WARN msg="(setxattr|setattr|unlink|open for writing|truncate).* the image is alice's`)
	data := random(406, 400_000)
	id := s.postAs("alice", "hers.iso", data, map[string]string{"access": "private", "flavour": "small"})
	path := m.path(".by-id/" + id)
	p.reset()
	for range 2 {
		wantContent(t, path, data) // retried until the original shows all of it
	}
	wantAttributes(t, path, map[string]string{"owner": "alice", "name": "hers.iso", "flavour": "small"})
	if got := tool(t, "stat", "-c", "%a %s", path); got != "600 400000\n" {
		t.Errorf("stat: %s", got)
	}
	tool(t, "cmp", newFile(t, "a", data), path)
	tool(t, "cp", path, t.TempDir())
	p.wantRequests(t, "HEAD", is("HEAD"), 1)
	if got := names(t, m.dir) + names(t, m.path(".by-id")); got != "" {
		t.Errorf("listed: %q", got)
	}

	wantErrno(t, "setfattr", setxattr(path, "user.visor.note", "x"), syscall.EACCES)
	wantErrno(t, "chmod", os.Chmod(path, 0o644), syscall.EACCES)
	_, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	wantErrno(t, "open for writing", err, syscall.EACCES)
	wantErrno(t, "truncate", os.Truncate(path, 5), syscall.EACCES)
	wantErrno(t, "rm", os.Remove(path), syscall.EACCES)
	for _, method := range []string{"PUT", "POST", "DELETE"} {
		p.wantRequests(t, method, is(method), 0)
	}
	wantContent(t, path, data)
}

func TestForeignImageIsChangedByItsIDWithAllOwners(t *testing.T) {
	t.Parallel()
	s := startServerOfUsers(t, likeOriginal)
	m := startMount(t, s.url, "--metadata-ttl", "1h", "--all-owners")
	m.expectLog(`level=WARN msg="open for writing: the server does not list this image`)
	id := s.postAs("alice", "hers.iso", nil, nil)
	path := m.path(".by-id/" + id)
	tool(t, "setfattr", "-n", "user.visor.note", "-v", "mine", path)
	tool(t, "chmod", "600", path)
	wantAttributes(t, path, map[string]string{"note": "mine", "access": "private", "owner": "alice"})
	_, err := os.OpenFile(path, os.O_WRONLY, 0)
	wantErrno(t, "open for writing", err, syscall.EPERM)
	if got := names(t, m.dir); got != "" {
		t.Errorf("ls: %q", got)
	}
	tool(t, "rm", path)
	_, err = os.Stat(path)
	wantErrno(t, "after rm", err, syscall.ENOENT)
	if status, _, _ := s.do(request{method: "GET", path: "/images/" + id}); status != 404 {
		t.Errorf("the server answers %d for what was removed", status)
	}
}

func TestImagesThatAreNotOnesOwnStayOnTheOwnServer(t *testing.T) {
	t.Parallel()
	s := startServerOfUsers(t)
	m := startMount(t, s.url, "--metadata-ttl", "1h")
	m.allowLog(`level=WARN msg="(unlink|rmdir|setxattr).*status=403`)
	tool(t, "ls", m.dir)
	private := s.postAs("alice", "private.iso", nil, map[string]string{"access": "private", "format": "iso"})
	public := s.postAs("alice", "public.iso", []byte("data"), map[string]string{"format": "iso"})
	s.post("mine.iso", nil, map[string]string{"format": "iso"})
	_, err := os.Stat(m.path(".by-id/" + private))
	wantErrno(t, "her private image", err, syscall.ENOENT)
	wantContent(t, m.path(".by-id/"+public), []byte("data"))
	wantErrno(t, "rm", os.Remove(m.path(".by-id/"+public)), syscall.EACCES)
	wantErrno(t, "setfattr", setxattr(m.path(".query/format=iso/public.iso"), "user.visor.note", "x"), syscall.EACCES)
	wantErrno(t, "rmdir", syscall.Rmdir(m.path(".query/format=iso")), syscall.EACCES)
	if left := s.images(); len(left) != 1 || left[0].text("_id") != public {
		t.Errorf("left: %v", left)
	}
}
