//go:build linux

package integration

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestRealImagesComeBackFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		isos := needISOs(t)
		for path := range isos {
			tool(t, "cp", path, m.dir)
		}
		other := startMount(t, s.url)
		for path, data := range isos {
			name := filepath.Base(path)
			tool(t, "cmp", path, m.path(name))
			tool(t, "cmp", path, other.path(name))
			s.wantSettled(name, data)
		}
	})
}

// The sizes at which the original shows an image late or without its end.
var lateSizes = []int{1, 8191, 65_541, 16<<20 + 5}

func TestImageIsRightAtOnceAfterItsUploadFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		atOnce(t, lateSizes, func(size int) error {
			for round := range 2 {
				path := m.path(fmt.Sprintf("%d-%d.img", size, round))
				if err := writeAndReadBack(path, random(uint64(size+round), size)); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

func TestImageIsRightAtOnceInAnotherMountFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m, other := startMount(t, s.url), startMount(t, s.url, "--metadata-ttl", "1ms")
		atOnce(t, lateSizes, func(size int) error {
			name, data := fmt.Sprintf("%d.img", size), random(uint64(size), size)
			if err := os.WriteFile(m.path(name), data, 0o644); err != nil {
				return err
			}
			return compare(other.path(name), data)
		})
	})
}

func TestOnePassOver64MiBIsOneRequestFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		p := startProxy(t, s)
		m := startMount(t, p.url)
		data := random(301, 64<<20)
		s.postSettled("a.img", data, nil)
		tool(t, "cmp", newFile(t, "a.img", data), m.path("a.img"))
		p.wantRequests(t, "data", isData, 1)
	})
}

func TestReadsAtRandomAreRightFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		data := random(302, 8<<20+4321)
		s.post("a.img", data, nil) // the original is still copying when the first reads come
		wantRandomReads(t, open(t, m.path("a.img"), unix.O_DIRECT), data, 300, 64<<10)
	})
}

func TestSettingACustomAttributeKeepsTheOthersOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		s.post("a.iso", nil, map[string]string{"flavour": "small"})
		for _, change := range []string{"note=two words", "site=Lisboa", "note=changed", "type=machine"} {
			name, value, _ := strings.Cut(change, "=")
			tool(t, "setfattr", "-n", "user.visor."+name, "-v", value, m.path("a.iso"))
		}
		want := map[string]string{"flavour": "small", "note": "changed", "site": "Lisboa", "type": "machine"}
		wantAttributes(t, m.path("a.iso"), want)
		img := s.only("a.iso")
		for name, value := range want {
			if img.text(name) != value {
				t.Errorf("%s on the server is %q, want %q", name, img.text(name), value)
			}
		}
		tool(t, "setfattr", "-x", "user.visor.note", m.path("a.iso"))
		if img := s.only("a.iso"); img.text("note") != "" || img.text("site") != "Lisboa" {
			t.Errorf("after setfattr -x the server has note %q, site %q", img.text("note"), img.text("site"))
		}
	})
}

func TestTouchedFileTakesDataAndTimesOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		tool(t, "touch", m.path("a.iso"))
		locked := s.only("a.iso")
		if locked.text("status") != "locked" {
			t.Errorf("status after touch: %s", locked.text("status"))
		}
		wantContent(t, m.path("a.iso"), nil)
		data := random(303, 50_000)
		tool(t, "cp", newFile(t, "source", data), m.path("a.iso"))
		if img := s.wantSettled("a.iso", data); img.text("_id") != locked.text("_id") {
			t.Error("the data went to another image than the locked one")
		}
		tool(t, "touch", "-d", "2012-03-04 05:06:07.5 UTC", m.path("a.iso"))
		if got := tool(t, "stat", "-c", "%.1Y %s", startMount(t, s.url).path("a.iso")); got != "1330837567.5 50000\n" {
			t.Errorf("mtime and size in another mount: %s", got)
		}
		wantContent(t, m.path("a.iso"), data)
	})
}

func TestRemovingAFileRemovesTheDataFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		for _, name := range []string{"a.iso", "b.qcow2", "c"} { // the original's file names depend on the format
			data := random(304, 100_000)
			tool(t, "cp", newFile(t, "source", data), m.path(name))
			if _, err := os.Stat(s.wantSettled(name, data).file()); err != nil {
				t.Error(err)
			}
			tool(t, "rm", m.path(name))
			s.wantEmpty()
			s.wantNoFiles()
		}
		tool(t, "cp", newFile(t, "big", random(305, 20<<20)), m.path("big"))
		tool(t, "rm", m.path("big")) // while the original copies
		s.wantEmpty()
		eventually(t, "the file of an image that was removed at once is gone", func() bool {
			left, _ := filepath.Glob(s.data + "/*/*-*-*-*-*")
			return len(left) == 0
		})
		if got := names(t, m.dir); got != "" {
			t.Errorf("ls: %q", got)
		}
	})
}

func TestCopyingOverAFileReplacesItOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		attributes := map[string]string{
			"format": "vdi", "type": "ramdisk", "architecture": "i386", "flavour": "small", "note": "two words", "store": "file",
		}
		old := s.post("a.dat", random(306, 410_000), attributes)
		data := random(307, 300_003)
		for range 2 { // over what another uploaded, and over one's own
			tool(t, "cp", newFile(t, "source", data), m.path("a.dat"))
			wantContent(t, m.path("a.dat"), data)
			img := s.wantSettled("a.dat", data)
			if n := len(s.images()); n != 1 || img.text("_id") == old {
				t.Errorf("%d images are there, the file is %s; want one that is not %s", n, img.text("_id"), old)
			}
			for name, want := range attributes {
				if img.text(name) != want {
					t.Errorf("%s is %q after the copy, was %q", name, img.text(name), want)
				}
			}
			old, data = img.text("_id"), random(308, 210_009)
		}
		tool(t, "rm", m.path("a.dat"))
		s.wantNoFiles()
	})
}

func TestCopyingWithTimesKeepsThemOverARemountOnBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		source := newFile(t, "a.iso", random(309, 100_000))
		tool(t, "touch", "-d", "2012-03-04 05:06:07.123456789 UTC", source)
		tool(t, "cp", "-a", source, m.path("a.iso"))
		m.stop()
		again := startMount(t, s.url)
		want := tool(t, "stat", "-c", "%.9Y %s", source)
		if got := tool(t, "stat", "-c", "%.9Y %s", again.path("a.iso")); got != want {
			t.Errorf("mtime and size %s, want %s", got, want)
		}
		wantContent(t, again.path("a.iso"), random(309, 100_000))
	})
}

func TestLockedImageReadsAsEmptyFromBothServers(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		s.post("locked.iso", nil, nil)
		wantContent(t, m.path("locked.iso"), nil)
		if size := tool(t, "stat", "-c", "%s", m.path("locked.iso")); size != "0\n" {
			t.Errorf("stat: size %s, want 0", size)
		}
	})
}

func TestExt4ImageOfBothServersMountsThroughALoop(t *testing.T) {
	needRoot(t)
	withBothServers(t, func(t *testing.T, s *server) {
		tree := newTree(t)
		source := filepath.Join(t.TempDir(), "disk.img")
		tool(t, "mke2fs", "-q", "-t", "ext4", "-d", tree, source, "32M")
		tool(t, "cp", source, startMount(t, s.url).dir)
		reader := startMount(t, s.url)
		dir := newMountpoint(t)
		tool(t, "mount", "-o", "loop,ro,noload", reader.path("disk.img"), dir)
		defer tool(t, "umount", dir)
		if diff := tool(t, "diff", "-r", "--no-dereference", "-x", "lost+found", tree, dir); diff != "" {
			t.Errorf("diff: %s", diff)
		}
	})
}

func TestEmptyRepositoryOfBothServersListsAsEmpty(t *testing.T) {
	withBothServers(t, func(t *testing.T, s *server) {
		m := startMount(t, s.url)
		if got := names(t, m.dir); got != "" {
			t.Errorf("ls: %q", got)
		}
		if got := strings.TrimSpace(s.image(t, "list", "--json")); got != "[]" {
			t.Errorf("image list --json: %s, want []", got)
		}
		begin := time.Now()
		if got := s.image(t, "list", "--query", "format=iso"); got != "" { // of which the 404 is no JSON
			t.Errorf("image list: %s", got)
		}
		wantFast(t, "image list", time.Since(begin))
		tool(t, "touch", m.path("a.iso"))
		tool(t, "rm", m.path("a.iso"))
		if got := names(t, m.dir); got != "" {
			t.Errorf("ls after touch and rm: %q", got)
		}
	})
}
