//go:build linux

package integration

import (
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEveryImageIsReachableByExactlyOnePath(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	contents := make(map[string]string) // by id
	for i, name := range []string{
		"plain.iso", "debian/12/base.iso", "debian/12/other.iso", "debian",
		"twin.iso", "twin.iso", "twin.iso", "a/twin", "a/twin", "a/twin/below",
		"..", ".", "...", "../up", "a//b", "/absolute", "trailing/", "//", "x/../y", "x/./y",
		"100%", "%2E%2E", "ção ☃.iso", "two words.iso", "-rf", "*", "~", "a~b",
		strings.Repeat("long", 80) + ".iso", strings.Repeat("long", 80) + ".iso",
		"deep/" + strings.Repeat("n", 255), strings.Repeat("☃", 100),
		".by-id", ".query", ".visorfs", ".hidden", ".by-id/x", ".visorfs/status.json",
	} {
		data := random(uint64(130+i), 100+i)
		contents[s.post(name, data, nil)] = string(data)
	}
	found := wantOnePathEach(t, s, m)
	for id, path := range found {
		wantContent(t, path, []byte(contents[id]))
	}
	wantContent(t, m.path("debian/12/base.iso"), []byte(contents[s.only("debian/12/base.iso").text("_id")]))
	wantContent(t, m.path("two words.iso"), []byte(contents[s.only("two words.iso").text("_id")]))
}

// wantOnePathEach demands that each image of the server is one file of the mount, and that
// what a directory lists is what is found by its path. It returns the paths by id.
func wantOnePathEach(t *testing.T, s *server, m *mount) map[string]string {
	t.Helper()
	found := make(map[string]string)
	err := filepath.WalkDir(m.dir, func(path string, d iofs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if info, err := os.Lstat(path); err != nil || info.Mode().Type() != d.Type() {
			t.Errorf("%q is listed as %v, and looked up it is %v, %v", path, d.Type(), info, err)
		}
		if d.IsDir() {
			return nil
		}
		buf := make([]byte, 36)
		n, err := unix.Getxattr(path, "user.visor._id", buf)
		if err != nil {
			return err
		}
		id := string(buf[:n])
		if found[id] != "" {
			t.Errorf("%s is %q as well as %q", id, path, found[id])
		}
		found[id] = path
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all := s.images()
	for _, img := range all {
		if found[img.text("_id")] == "" {
			t.Errorf("the image named %q has no path", img.text("name"))
		}
	}
	if len(found) != len(all) {
		t.Errorf("%d files, %d images", len(found), len(all))
	}
	return found
}

func TestImagesOfOneNameAreToldApartByTheirIds(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	ids := []string{s.post("twin.iso", []byte("one"), nil), s.post("twin.iso", []byte("two"), nil)}
	entries := strings.Fields(tool(t, "ls", m.dir))
	if len(entries) != 2 || entries[0] != "twin.iso" {
		t.Fatalf("ls: %v, want twin.iso and another", entries)
	}
	for i, id := range ids {
		aside := "twin~" + id[:8] + ".iso"
		if entries[1] != aside {
			continue
		}
		wantContent(t, m.path(aside), []byte([]string{"one", "two"}[i]))
		wantContent(t, m.path("twin.iso"), []byte([]string{"two", "one"}[i]))
		tool(t, "rm", m.path(aside))
		if img := s.only("twin.iso"); img.text("_id") == id {
			t.Error("rm of one removed the other")
		}
		return
	}
	t.Errorf("the second is %s, want one of twin~ID.iso with the first digits of %v", entries[1], ids)
}

func TestFileIsCopiedIntoADirectoryOfImages(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("debian/12/base.iso", random(180, 1000), nil)
	tool(t, "cp", newFile(t, "new.iso", random(181, 2000)), m.path("debian/12"))
	s.wantStored("debian/12/new.iso", random(181, 2000))
	if got := names(t, m.path("debian/12")); got != "base.iso new.iso" {
		t.Errorf("ls: %q", got)
	}
	tool(t, "cp", "-r", m.path("debian"), t.TempDir())
	if got := tool(t, "find", m.dir, "-type", "f"); strings.Count(got, "\n") != 2 {
		t.Errorf("find: %s", got)
	}
}

func TestSettingTheNameMovesTheFile(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.iso", random(182, 1000), nil)
	tool(t, "setfattr", "-n", "user.visor.name", "-v", "sub/b.iso", m.path("a.iso"))
	s.wantStored("sub/b.iso", random(182, 1000))
	eventually(t, "the file is at its new path only", func() bool {
		_, old := os.Stat(m.path("a.iso"))
		_, moved := os.Stat(m.path("sub/b.iso"))
		return os.IsNotExist(old) && moved == nil
	})
}

func TestTwoMountsSeeEachOthersChangesInTime(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	a := startMount(t, s.url, "--metadata-ttl", "1s")
	b := startMount(t, s.url, "--metadata-ttl", "1s")
	names(t, a.dir)
	names(t, b.dir)
	data := random(183, 100_000)
	tool(t, "cp", newFile(t, "a.iso", data), a.dir)
	eventually(t, "the other mount shows the file", func() bool { return names(t, b.dir) == "a.iso" })
	wantContent(t, b.path("a.iso"), data)

	fresh := random(184, 50_000)
	tool(t, "cp", newFile(t, "a.iso", fresh), b.path("a.iso"))
	eventually(t, "the first mount has the new bytes", func() bool {
		got, err := os.ReadFile(a.path("a.iso"))
		return err == nil && string(got) == string(fresh)
	})
	tool(t, "rm", a.path("a.iso"))
	eventually(t, "the file is gone in the other mount", func() bool { return names(t, b.dir) == "" })
	s.wantEmpty()
}
