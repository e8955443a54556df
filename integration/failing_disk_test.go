//go:build linux

package integration

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// failingDisk is a filesystem in a file, which a test can have fail.
type failingDisk struct {
	t     *testing.T
	dir   string
	image string
}

func newFailingDisk(t *testing.T, size string) *failingDisk {
	t.Helper()
	needRoot(t)
	d := &failingDisk{t: t, dir: newMountpoint(t), image: newFile(t, "disk", nil)}
	tool(t, "truncate", "-s", size, d.image)
	tool(t, "mkfs.ext4", "-q", "-F", "-m", "0", d.image)
	d.mount()
	t.Cleanup(func() {
		if isMounted(t, d.dir) {
			tool(t, "umount", "-l", d.dir)
		}
	})
	return d
}

func (d *failingDisk) mount() {
	d.t.Helper()
	tool(d.t, "mount", "-o", "loop,errors=remount-ro", d.image, d.dir)
}

// heal brings the disk back, with what came to it before it failed. Nobody uses it.
func (d *failingDisk) heal() {
	d.t.Helper()
	tool(d.t, "umount", d.dir)
	d.mount()
}

// breaks has whatever is done with the disk fail from now on, with EIO.
func (d *failingDisk) breaks() {
	d.t.Helper()
	const (
		shutdown = 0x8004587d // EXT4_IOC_SHUTDOWN
		noFlush  = 2          // of the journal either
	)
	f := open(d.t, d.dir, os.O_RDONLY)
	defer func() { _ = f.Close() }()
	if err := unix.IoctlSetPointerInt(int(f.Fd()), shutdown, noFlush); err != nil {
		d.t.Fatal(err)
	}
}

// turnsReadOnly makes an error in the filesystem, whereupon the kernel writes no more to it.
func (d *failingDisk) turnsReadOnly() {
	d.t.Helper()
	device := strings.TrimSpace(tool(d.t, "findmnt", "-no", "SOURCE", d.dir))
	trigger := filepath.Join("/sys/fs/ext4", filepath.Base(device), "trigger_fs_error")
	if err := os.WriteFile(trigger, []byte("1"), 0); err != nil {
		d.t.Fatal(err)
	}
}

// withFailures runs a test with each way in which a disk can fail.
func withFailures(t *testing.T, test func(t *testing.T, fail func(*failingDisk))) {
	t.Helper()
	for name, fail := range map[string]func(*failingDisk){
		"broken": (*failingDisk).breaks, "read-only": (*failingDisk).turnsReadOnly,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, fail)
		})
	}
}

func TestCacheDiskThatFailsFailsNoRead(t *testing.T) {
	t.Parallel()
	withFailures(t, func(t *testing.T, fail func(*failingDisk)) {
		s, disk := startServer(t), newFailingDisk(t, "32M")
		data := random(900, 6<<20)
		s.post("a.img", data, nil)
		s.post("b.img", random(901, 3<<20), nil)
		m := startMount(t, s.url, "--cache-dir", filepath.Join(disk.dir, "cache"), "--memory", "1MiB")
		m.expectLog(`level=WARN .*disk`)
		half := open(t, m.path("a.img"), os.O_RDONLY)
		got := make([]byte, len(data))
		if _, err := half.ReadAt(got[:3<<20], 0); err != nil {
			t.Fatal(err)
		}
		fail(disk)
		if _, err := half.ReadAt(got[3<<20:], 3<<20); err != nil || differentBytes(got, data) != nil {
			t.Errorf("what was open reads as other bytes: %v", err)
		}
		for range 3 {
			wantContent(t, m.path("a.img"), data)
			wantContent(t, m.path("b.img"), random(901, 3<<20))
			uncached(t, m.path("a.img"))
		}
		_ = half.Close()
		m.stop()
	})
}

// The kernel reads an image from the cache by itself, which no longer works. Who opens it anew
// gets its bytes.
func TestImageThatTheKernelReadsFromADiskThatFailsCanBeReadAgain(t *testing.T) {
	t.Parallel()
	s, disk := startServer(t), newFailingDisk(t, "32M")
	data := random(902, 4<<20)
	s.post("a.img", data, nil)
	m := startMount(t, s.url, "--cache-dir", filepath.Join(disk.dir, "cache"), "--memory", "1MiB")
	m.allowLog(`level=WARN .*disk`)
	m.expectLog(`level=WARN .*kernel reads it .* close it first`)
	const passes = 20
	for range passes {
		wantContent(t, m.path("a.img"), data)
		uncached(t, m.path("a.img"))
		time.Sleep(50 * time.Millisecond) // for the audit of what is on disk
	}
	f := open(t, m.path("a.img"), os.O_RDONLY)
	disk.breaks()
	got := make([]byte, len(data))
	if _, err := f.ReadAt(got, 0); err == nil {
		t.Error("a disk that fails was read")
	} else {
		wantErrno(t, "read", err, syscall.EIO)
	}
	_, err := os.Open(m.path("a.img")) // the kernel reads it until f is released
	wantErrno(t, "open", err, syscall.EBUSY)
	_ = f.Close()
	wantContent(t, m.path("a.img"), data)
	m.stop()
	if n := m.bytesRead(); n["memory"]+n["disk"]+n["network"] >= (passes+1)*int64(len(data)) {
		t.Errorf("the kernel read nothing by itself: %v", n)
	}
}

func TestSpoolDiskThatFailsKeepsNoFileFromBeingWrittenInOrder(t *testing.T) {
	t.Parallel()
	withFailures(t, func(t *testing.T, fail func(*failingDisk)) {
		s, disk := startServer(t), newFailingDisk(t, "32M")
		m := startMount(t, s.url, spoolFlags(disk.dir)...)
		m.expectLog(`level=WARN msg="the spool`)
		m.allowLog(`level=ERROR .*path=/c.img`)
		before, data := random(903, 2<<20), random(904, 5<<20)
		tool(t, "cp", newFile(t, "a.img", before), m.dir)
		f, err := os.Create(m.path("b.img"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = f.Write(data[:2<<20])
		fail(disk)
		_, more := f.Write(data[2<<20:])
		if err := errors.Join(err, more, f.Close()); err != nil {
			t.Errorf("write in order: %v", err)
		}
		s.wantStored("b.img", data)
		wantContent(t, m.path("b.img"), data)
		uncached(t, m.path("a.img"))
		wantContent(t, m.path("a.img"), before) // which was in the spool

		tool(t, "cp", newFile(t, "d.img", data), m.dir)
		s.wantStored("d.img", data)
		tool(t, "cp", newFile(t, "a.img", data), m.dir)
		s.wantStored("a.img", data)
		_, err = writeExtents(m.path("c.img"), []extent{{1 << 20, data[:1<<20]}, {0, data[:1<<20]}})
		wantErrno(t, "write out of order", err, syscall.EIO)
		for _, img := range s.images() {
			if img.text("name") == "c.img" {
				t.Errorf("the server has %v", img)
			}
		}
		m.stop()
	})
}

func TestServerWhoseDiskFailsKeepsWhatItAcknowledged(t *testing.T) {
	t.Parallel()
	withFailures(t, func(t *testing.T, fail func(*failingDisk)) {
		disk := newFailingDisk(t, "64M")
		s := &server{t: t, data: filepath.Join(disk.dir, "data")}
		s.start("127.0.0.1:0")
		s.allowLog(`level=(ERROR|WARN)`)
		m := startMount(t, s.url, "--timeout", "1s", "--metadata-ttl", "200ms")
		m.allowLog(`level=ERROR`)
		old, data := random(905, 2<<20), random(906, 3<<20)
		tool(t, "cp", newFile(t, "a.img", old), m.dir)
		tool(t, "touch", m.path("locked.img"))
		cold := random(910, 1<<20)
		s.post("cold.img", cold, nil)
		fail(disk)
		source := newFile(t, "new.img", data)
		wantFailure(t, "Input/output error", "cp", source, m.dir)
		wantFailure(t, "Input/output error", "cp", source, m.path("a.img"))
		wantFailure(t, "Input/output error", "cp", source, m.path("locked.img"))
		wantFailure(t, "Input/output error", "setfattr", "-n", "user.visor.note", "-v", "x", m.path("a.img"))
		wantFailure(t, "Input/output error", "rm", m.path("a.img"))
		wantContent(t, m.path("a.img"), old)
		eventually(t, "cold.img shows", func() bool { return try(t, "test", "-e", m.path("cold.img")).code == 0 })
		if r := try(t, "cmp", newFile(t, "cold.img", cold), m.path("cold.img")); r.code != 0 && !strings.Contains(r.stderr, "Input/output error") {
			t.Errorf("cmp of what was never read here: exit code %d, %s%s", r.code, r.stdout, r.stderr)
		}
		if got := names(t, m.dir); got != "a.img cold.img locked.img" {
			t.Errorf("ls shows %q", got)
		}
		if !s.running() {
			t.Fatal("the server has ended")
		}
		s.signal(os.Interrupt) // it may say that it could not close its database
		<-s.ended
		disk.heal()
		s.restart()
		s.wantStored("a.img", old)
		s.wantStored("cold.img", cold)
		if status := s.only("locked.img").text("status"); status != "locked" && status != "error" {
			t.Errorf("locked.img is %q", status)
		}
		if n := len(s.images()); n != 3 {
			t.Errorf("%d images, want 3", n)
		}
		if left := append(entries(t, s.data, "images/*"), entries(t, s.data, "incoming/*")...); len(left) != 2 {
			t.Errorf("in the store are %v", left)
		}
		eventually(t, "cp works again", func() bool { return try(t, "cp", source, m.dir).code == 0 })
		s.wantStored("new.img", data)
		m.stop()
		s.stop() // before its disk goes
	})
}

func TestServerWhoseDiskIsFullRefusesAndGoesOn(t *testing.T) {
	t.Parallel()
	disk := newFailingDisk(t, "16M")
	s := &server{t: t, data: filepath.Join(disk.dir, "data")}
	s.start("127.0.0.1:0")
	s.expectLog(`level=ERROR .*no space left`)
	m := startMount(t, s.url)
	m.expectLog(`level=ERROR .*errno="no space left on device"`)
	old, data, tooMuch := random(907, 3<<20), random(908, 5<<20), newFile(t, "large.img", random(909, 20<<20))
	tool(t, "cp", newFile(t, "a.img", old), m.dir)
	tool(t, "touch", m.path("locked.img"))
	for _, name := range []string{"new.img", "a.img", "locked.img"} {
		wantFailure(t, "No space left on device", "cp", tooMuch, m.path(name))
	}
	s.wantStored("a.img", old)
	wantContent(t, m.path("a.img"), old)
	if status := s.only("locked.img").text("status"); status != "locked" && status != "error" {
		t.Errorf("locked.img is %q", status)
	}
	if n := len(s.images()); n != 2 {
		t.Errorf("%d images, want 2", n)
	}
	if left := entries(t, s.data, "incoming/*"); len(left) > 0 {
		t.Errorf("left of uploads: %v", left)
	}
	tool(t, "cp", newFile(t, "b.img", data), m.path("locked.img"))
	s.wantStored("locked.img", data)
	m.stop()
	s.stop() // before its disk goes
}
