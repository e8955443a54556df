//go:build linux

package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newCacheDir names a directory for a disk cache, which a mount makes.
func newCacheDir(t *testing.T) string { return filepath.Join(t.TempDir(), "cache") }

// uncached has the kernel drop its pages of a file.
func uncached(t *testing.T, path string) {
	t.Helper()
	f := open(t, path, 0)
	defer func() { _ = f.Close() }()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		t.Fatal(err)
	}
}

// bytesRead returns what an ended mount says it has read, by where it came from.
func (m *mount) bytesRead() map[string]int64 {
	m.t.Helper()
	counts := make(map[string]int64)
	line := regexp.MustCompile(`msg="bytes read".*`).FindString(m.stderr.String())
	for _, pair := range regexp.MustCompile(`(\w+)=(\d+)`).FindAllStringSubmatch(line, -1) {
		counts[pair[1]], _ = strconv.ParseInt(pair[2], 10, 64)
	}
	return counts
}

func TestDiskCacheServesTheNextMountWithoutARequest(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(*mount){"unmounted": func(m *mount) { m.stop() }, "killed": func(m *mount) { m.kill() }} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			p := startProxy(t, s)
			dir := newCacheDir(t)
			data := random(40, 9<<20+77)
			s.post("a.img", data, nil)
			first := startMount(t, p.url, "--cache-dir", dir)
			wantContent(t, first.path("a.img"), data)
			eventually(t, "all of it is on disk", func() bool { return spaceOf(t, dir) >= int64(len(data)) })
			end(first)
			p.reset()
			second := startMount(t, p.url, "--cache-dir", dir)
			wantContent(t, second.path("a.img"), data)
			p.wantRequests(t, "data", isData, 0)
		})
	}
}

// spaceOf is what the files in a directory take.
func spaceOf(t *testing.T, dir string) (space int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			space += info.Sys().(*syscall.Stat_t).Blocks * 512
		}
	}
	return space
}

func TestDiskCacheIsBounded(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := newCacheDir(t)
	m := startMount(t, s.url, "--cache-dir", dir, "--cache-size", "4MiB")
	for i := range uint64(4) {
		name := "i" + strconv.Itoa(int(i))
		data := random(41+i, 3<<20)
		s.post(name, data, nil)
		eventually(t, "it is listed", func() bool { _, err := os.Stat(m.path(name)); return err == nil })
		wantContent(t, m.path(name), data)
	}
	if space := spaceOf(t, dir); space > 4<<20+64<<10 {
		t.Errorf("the cache takes %d bytes, want 4 MiB at most", space)
	}
}

func TestDamagedDiskCacheIsNotBelieved(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := newCacheDir(t)
	data := random(45, 5<<20)
	s.post("a.img", data, nil)
	first := startMount(t, s.url, "--cache-dir", dir)
	wantContent(t, first.path("a.img"), data)
	first.stop()
	damaged := 0
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(content, data[1<<20:1<<20+4096]); at >= 0 {
			content[at+100] ^= 1
			damaged++
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if damaged == 0 {
		t.Fatal("the image's bytes are not in the cache")
	}
	second := startMount(t, s.url, "--cache-dir", dir)
	second.expectLog("level=WARN")
	wantContent(t, second.path("a.img"), data)
}

func TestCacheDirectoryIsOneMountsOnly(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := newCacheDir(t)
	startMount(t, s.url, "--cache-dir", dir)
	other := newMountpoint(t)
	env := []string{"env", "VISOR_ACCESS_KEY=" + accessKey, "VISOR_SECRET_KEY=" + secretKey}
	args := append(env[1:], visorfs, "mount", "--url", s.url, "--cache-dir", dir, other)
	wantFailure(t, "another visorfs uses it", env[0], args...)
	if isMounted(t, other) {
		t.Error("it is mounted")
	}
}

func TestCacheDirectoryInsideTheMountpointIsRefused(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	dir := newMountpoint(t)
	args := []string{"VISOR_ACCESS_KEY=" + accessKey, "VISOR_SECRET_KEY=" + secretKey, visorfs, "mount", "--url", s.url, "--cache-dir", filepath.Join(dir, "cache"), dir}
	wantFailure(t, "inside the mountpoint", "env", args...)
}

func TestFullCacheDiskFailsNoRead(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := startServer(t)
	disk := newMountpoint(t)
	tool(t, "mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", disk)
	defer tool(t, "umount", disk)
	data := random(46, 12<<20)
	s.post("a.img", data, nil)
	m := startMount(t, s.url, "--cache-dir", filepath.Join(disk, "cache"))
	m.expectLog("level=WARN")
	wantContent(t, m.path("a.img"), data)
	uncached(t, m.path("a.img"))
	wantContent(t, m.path("a.img"), data)
	m.stop()
}

func TestKernelReadsAWholeVerifiedImageByItself(t *testing.T) {
	needRoot(t)
	t.Parallel()
	const passes = 20
	for name, tc := range map[string]struct {
		args    []string
		through bool
	}{"by default": {nil, true}, "refused": {[]string{"--no-passthrough"}, false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t)
			m := startMount(t, s.url, append(tc.args, "--cache-dir", newCacheDir(t), "--metadata-ttl", "1h")...)
			data := random(47, 8<<20)
			s.post("a.img", data, nil)
			eventually(t, "it is listed", func() bool { _, err := os.Stat(m.path("a.img")); return err == nil })
			for range passes {
				wantContent(t, m.path("a.img"), data)
				uncached(t, m.path("a.img"))
				time.Sleep(50 * time.Millisecond) // for the audit of what is on disk
			}
			m.stop()
			got := m.bytesRead()
			ours := got["memory"] + got["disk"] + got["network"]
			if all := int64(passes * len(data)); tc.through != (ours < all) {
				t.Errorf("%d of %d bytes came through visorfs: %v", ours, all, got)
			}
		})
	}
}

func TestImageThatTheKernelReadsIsNotReplacedUnderIt(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--cache-dir", newCacheDir(t), "--metadata-ttl", "1h")
	data := random(48, 4<<20)
	s.post("a.img", data, nil)
	eventually(t, "it is listed", func() bool { _, err := os.Stat(m.path("a.img")); return err == nil })
	early := open(t, m.path("a.img"), 0) // before anything is cached
	for range 10 {
		wantContent(t, m.path("a.img"), data)
		time.Sleep(20 * time.Millisecond)
	}
	_ = early.Close()
	time.Sleep(50 * time.Millisecond)
	through := open(t, m.path("a.img"), 0)
	copied := newFile(t, "new", random(49, 3<<20))
	m.allowLog("level=WARN .*the kernel reads it")
	if r := try(t, "cp", copied, m.path("a.img")); r.code == 0 || !strings.Contains(r.stderr, "busy") {
		t.Errorf("cp over it: exit %d, %s", r.code, r.stderr)
	}
	got := make([]byte, len(data))
	if _, err := through.ReadAt(got, 0); err != nil || !bytes.Equal(got, data) {
		t.Errorf("it reads otherwise afterwards: %v", err)
	}
	_ = through.Close()
	eventually(t, "it can be replaced", func() bool { return try(t, "cp", copied, m.path("a.img")).code == 0 })
	wantContent(t, m.path("a.img"), random(49, 3<<20))
}

// A close returns before the mount is told of it: the file that the kernel read by itself may
// be written, or read anew, in that moment.
func TestFileIsRewrittenAsSoonAsWhoReadItHasClosedIt(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--cache-dir", newCacheDir(t))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			path := m.path(numbered(i))
			for end, seed := time.Now().Add(5*time.Second), uint64(i); time.Now().Before(end) && !t.Failed(); seed += 4 {
				data := random(seed, 200_000)
				if err := os.WriteFile(path, data, 0o644); err != nil {
					t.Error(err)
				}
				for range 6 {
					if err := compare(path, data); err != nil {
						t.Error(err)
					}
					time.Sleep(time.Duration(seed%8) * time.Millisecond) // the more, the more often the kernel reads
				}
			}
		})
	}
	all.Wait()
	m.stop()
}

func TestSameBytesUnderAnotherNameAreWarm(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	data := random(50, 4<<20)
	s.post("a.img", data, nil)
	s.post("b.img", data, nil)
	wantContent(t, m.path("a.img"), data)
	p.reset()
	wantContent(t, m.path("b.img"), data)
	p.wantRequests(t, "data", isData, 0)
}

func TestCorruptImageIsAnErrorAtItsEnd(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"with ranges": nil, "without ranges": {"--no-range"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startServer(t, args...)
			m := startMount(t, s.url)
			m.expectLog(`level=ERROR .*MD5`)
			data := random(51, 20<<20)
			id := s.post("a.img", data, nil)
			rot(t, filepath.Join(s.data, "images", id), 7<<20)
			for range 2 {
				if r := try(t, "cat", m.path("a.img")); r.code == 0 {
					t.Error("cat succeeded")
				}
			}
			trusting := startMount(t, s.url, "--verify", "never")
			if r := try(t, "cat", trusting.path("a.img")); r.code != 0 || len(r.stdout) != len(data) {
				t.Errorf("--verify never: exit %d, %d bytes", r.code, len(r.stdout))
			}
		})
	}
}

// rot changes a byte of a file.
func rot(t *testing.T, path string, at int64) {
	t.Helper()
	f := open(t, path, os.O_RDWR)
	defer func() { _ = f.Close() }()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 0x40
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

func TestHolesOfACachedImageAreHolesForTools(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--cache-dir", newCacheDir(t))
	data := make([]byte, 16<<20)
	copy(data[8<<20:], random(52, 1<<20))
	s.post("a.img", data, nil)
	wantContent(t, m.path("a.img"), data)
	f := open(t, m.path("a.img"), 0)
	eventually(t, "the hole is known", func() bool {
		at, err := unix.Seek(int(f.Fd()), 0, unix.SEEK_DATA)
		return err == nil && at == 8<<20
	})
	if at, err := unix.Seek(int(f.Fd()), 8<<20, unix.SEEK_HOLE); err != nil || at != 9<<20 {
		t.Errorf("the data end at %d, %v", at, err)
	}
}

func TestMountSaysWhereItsBytesCameFrom(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--streams", "1") // the server may look far today
	data := random(53, 5<<20)
	s.post("a.img", data, nil)
	wantContent(t, m.path("a.img"), data)
	m.stop()
	got := m.bytesRead()
	if got["fetched"] != int64(len(data)) || got["requests"] != 1 || got["memory"]+got["network"] != int64(len(data)) || got["verified"] != 1 {
		t.Errorf("it says %v", got)
	}
}
