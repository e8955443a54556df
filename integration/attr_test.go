//go:build linux

package integration

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestStatShowsSizeModeAndTimes(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("public.iso", random(70, 12_345), nil)
	s.post("private.iso", random(71, 54_321), map[string]string{"access": "private"})
	s.post("dir/old.iso", random(72, 1), map[string]string{"mtime": "2001-02-03T04:05:06.7Z"})
	for path, want := range map[string]string{
		"public.iso":  "regular file 644 12345 1",
		"private.iso": "regular file 600 54321 1",
		"dir":         "directory 755",
	} {
		got := tool(t, "stat", "-c", "%F %a %s %h", m.path(path))
		if !strings.HasPrefix(got, want) {
			t.Errorf("stat %s: %s, want %s", path, got, want)
		}
	}
	if got := tool(t, "stat", "-c", "%.1Y", m.path("dir/old.iso")); got != "981173106.7\n" {
		t.Errorf("mtime %s, want that of the attribute", got)
	}
	uploaded, err := time.Parse("2006-01-02 15:04:05 -0700", s.only("public.iso").text("uploaded_at"))
	if err != nil {
		t.Fatal(err)
	}
	if got := tool(t, "stat", "-c", "%Y", m.path("public.iso")); got != fmt.Sprintln(uploaded.Unix()) {
		t.Errorf("mtime %s, want uploaded_at %d", got, uploaded.Unix())
	}
}

func TestChmodSetsAccessOnTheServer(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	s.post("a.iso", random(73, 1000), nil)
	for _, c := range []struct{ mode, access, shown string }{
		{"o-r", "private", "600"}, {"o+r", "public", "644"}, {"600", "private", "600"},
	} {
		tool(t, "chmod", c.mode, m.path("a.iso"))
		if got := s.only("a.iso").text("access"); got != c.access {
			t.Errorf("chmod %s: %s on the server, want %s", c.mode, got, c.access)
		}
		if got := tool(t, "stat", "-c", "%a", m.path("a.iso")); got != c.shown+"\n" {
			t.Errorf("chmod %s: mode %s, want %s", c.mode, got, c.shown)
		}
	}
	p.wantRequests(t, "PUT", is("PUT"), 3)
}

func TestTouchSetsTheTimeOnTheServer(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.iso", random(74, 1000), nil)
	tool(t, "touch", "-d", "2012-03-04 05:06:07.5 UTC", m.path("a.iso"))
	if got := s.only("a.iso").text("mtime"); got != "2012-03-04T05:06:07.5Z" {
		t.Errorf("mtime on the server: %q", got)
	}
	s.wantStored("a.iso", random(74, 1000))
}

func TestOwnersAreAcceptedAndIgnored(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	s.post("a.iso", random(75, 1000), nil)
	tool(t, "stat", m.path("a.iso"))
	p.reset()
	tool(t, "chown", "1234:1234", m.path("a.iso"))
	p.wantRequests(t, "any", isAny, 0)
}

func TestDfShowsPlentyOfSpace(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.img", random(76, 5<<20), nil)
	fields := strings.Fields(tool(t, "df", "--output=used,avail,iused,fstype", "-B1M", m.dir))
	fields = fields[len(fields)-4:]
	if fields[0] != "5" || fields[1] != fmt.Sprint(1<<30) || fields[2] != "1" || !strings.HasPrefix(fields[3], "fuse") {
		t.Errorf("df: used, available (MiB), files, type are %v, want 5, 1 PiB, 1, fuse…", fields)
	}
}

func TestInodeNumbersAreTheSameAfterARemount(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.iso", random(77, 1000), nil)
	s.post("dir/b.iso", random(78, 1000), nil)
	tool(t, "cp", newFile(t, "c.iso", random(79, 1000)), m.dir)
	list := []string{"-c", "%i %n", "a.iso", "dir", "dir/b.iso", "c.iso"}
	inodes := func(m *mount) string {
		return tool(t, "sh", append([]string{"-ec", `cd "$1"; shift; stat "$@"`, "sh", m.dir}, list...)...)
	}
	first := startMount(t, s.url)
	want := inodes(first)
	first.stop()
	if got := inodes(startMount(t, s.url)); got != want {
		t.Errorf("inode numbers\n%swant\n%s", got, want)
	}
}

func TestListingManyImagesIsOneRequest(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	const images = 500
	var all sync.WaitGroup
	for worker := range 10 {
		all.Go(func() {
			for i := worker; i < images; i += 10 {
				s.post(fmt.Sprintf("%03d.iso", i), nil, nil)
			}
		})
	}
	all.Wait()
	p.reset()
	for range 2 {
		if got := strings.Count(tool(t, "ls", "-l", m.dir), ".iso\n"); got != images {
			t.Errorf("ls shows %d images, want %d", got, images)
		}
	}
	tool(t, "getfattr", "-R", "-d", m.dir)
	p.wantRequests(t, "any", isAny, 1)
	p.wantRequests(t, "list", isListing, 1)
}

func TestListingIsAskedForAgainAfterItsTime(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--metadata-ttl", "1s")
	s.post("a.iso", nil, nil)
	began := time.Now()
	for range 3 {
		tool(t, "ls", "-l", m.dir)
		time.Sleep(1100 * time.Millisecond)
	}
	most := int(time.Since(began)/(800*time.Millisecond)) + 2 // a listing takes 200 ms on a busy machine
	if n := len(p.list(isListing)); n < 3 || n > most {
		t.Errorf("%d requests (list), want 3 to %d", n, most)
	}
}
