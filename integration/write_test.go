//go:build linux

package integration

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestEveryToolThatWritesInOrderStoresItsFile(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := random(20, 3<<20+5)
	source := newFile(t, "source", data)
	for name, command := range map[string]string{
		"cp":       `cp "$1" "$2"`,
		"cp -a":    `cp -a "$1" "$2"`,
		"dd 4k":    `dd if="$1" of="$2" bs=4k status=none`,
		"dd 100":   `head -c 300000 "$1" | dd of="$2" bs=100 status=none`,
		"dd 1M":    `dd if="$1" of="$2" bs=1M status=none conv=fsync`,
		"cat":      `cat "$1" > "$2"`,
		"tee":      `tee "$2" < "$1" > /dev/null`,
		"install":  `install -m 644 "$1" "$2"`,
		"pipe":     `cat "$1" | cat > "$2"`,
		"subshell": `( cat "$1" ) > "$2"`,
	} {
		t.Run(name, func(t *testing.T) {
			path := m.path(name + ".iso")
			tool(t, "sh", "-ec", command, "sh", source, path)
			want := data
			if name == "dd 100" {
				want = data[:300_000]
			}
			s.wantStored(name+".iso", want)
			wantContent(t, path, want)
		})
	}
}

func TestEverySizeIsStoredWhole(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	for _, size := range []int{
		1, 4095, 4096, 128<<10 - 1, 128 << 10, 128<<10 + 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 64 << 20,
	} {
		name := fmt.Sprintf("%d.img", size)
		data := random(uint64(size), size)
		tool(t, "cp", newFile(t, name, data), m.path(name))
		s.wantStored(name, data)
		wantContent(t, m.path(name), data)
	}
}

func TestSparseFileIsCopiedWithZerosForItsHoles(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := make([]byte, 4<<20)
	copy(data[1<<20:], random(21, 10_000))
	source := newFile(t, "sparse.img", nil)
	f, err := os.OpenFile(source, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteAt(data[1<<20:1<<20+10_000], 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(int64(len(data))); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"always", "auto"} { // holes made of zeros, holes of the source
		name := when + ".img"
		if r := try(t, "cp", "--sparse="+when, source, m.path(name)); r.code != 0 {
			t.Errorf("cp --sparse=%s: %s", when, r.stderr)
			continue
		}
		s.wantStored(name, data)
	}
}

func TestCloseReturnsWhenTheServerHasTheImage(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	data := random(22, 2<<20)
	f, err := os.Create(m.path("a.qcow2"))
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(data, 300_000) {
		if _, err := f.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if got := names(t, m.dir); got != "a.qcow2" {
		t.Errorf("before close ls shows %q", got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStored("a.qcow2", data)
	p.wantRequests(t, "POST", is("POST"), 1)
	p.wantRequests(t, "PUT", is("PUT"), 0)
	p.wantRequests(t, "data", isData, 0)
}

func TestMetadataOfANewFileComeFromItsNameAndMode(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	for name, want := range map[string]string{
		"plain.iso":            "x86_64 public iso",
		"debian-12-i386.qcow2": "i386 public <nil>",
		"disk-amd64.vdi":       "x86_64 public vdi",
		"disk-i686.vmdk":       "i386 public vmdk",
	} {
		tool(t, "cp", newFile(t, "source", []byte("x")), m.path(name))
		img := s.only(name)
		if got := fmt.Sprint(img["architecture"], " ", img["access"], " ", img["format"]); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	tool(t, "sh", "-c", `umask 077; echo secret > "$1"`, "sh", m.path("private.iso"))
	if got := s.only("private.iso").text("access"); got != "private" {
		t.Errorf("a file made with umask 077 is %s", got)
	}
}

func TestCopyingWithTimesKeepsThemOverARemount(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	source := newFile(t, "a.iso", random(23, 100_000))
	tool(t, "touch", "-d", "2012-03-04 05:06:07.123456789 UTC", source)
	tool(t, "cp", "-a", source, m.path("a.iso"))
	m.stop()
	again := startMount(t, s.url)
	want := tool(t, "stat", "-c", "%.9Y %s", source)
	if got := tool(t, "stat", "-c", "%.9Y %s", again.path("a.iso")); got != want {
		t.Errorf("mtime and size %s, want %s", got, want)
	}
	s.wantStored("a.iso", random(23, 100_000))
}

func TestTouchMakesALockedImageThatTakesDataLater(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	tool(t, "touch", m.path("a.iso"))
	locked := s.only("a.iso")
	if locked.text("status") != "locked" {
		t.Errorf("status after touch: %s", locked.text("status"))
	}
	tool(t, "cp", newFile(t, "source", random(24, 50_000)), m.path("a.iso"))
	img := s.wantStored("a.iso", random(24, 50_000))
	if img.text("_id") != locked.text("_id") {
		t.Error("the data went to another image than the locked one")
	}
}

func TestCopyingOverAFileReplacesItAndKeepsItsMetadata(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	old := s.post("a.dat", random(25, 400_000), map[string]string{
		"format": "vdi", "type": "ramdisk", "architecture": "i386", "flavour": "small", "note": "two words",
	})
	data := random(26, 300_000)
	tool(t, "cp", newFile(t, "source", data), m.path("a.dat"))
	img := s.wantStored("a.dat", data)
	if n := len(s.images()); n != 1 || img.text("_id") == old {
		t.Errorf("%d images are there, the file is %s; want one that is not %s", n, img.text("_id"), old)
	}
	for name, want := range map[string]string{
		"format": "vdi", "type": "ramdisk", "architecture": "i386", "flavour": "small", "note": "two words",
	} {
		if img.text(name) != want {
			t.Errorf("%s is %q after the copy, was %q", name, img.text(name), want)
		}
	}
	wantContent(t, m.path("a.dat"), data)
}

func TestCommandsThatShareADescriptorMakeOneImage(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	for _, shell := range []string{"sh", "bash"} {
		name := shell + ".txt"
		tool(t, shell, "-c", `{ /bin/echo a; /bin/echo b; } > "$1"`, shell, m.path(name))
		s.wantStored(name, []byte("a\nb\n"))
	}
}

func TestCopiesAtTheSameTimeAreAllStored(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	var all sync.WaitGroup
	for i := range 4 {
		source := newFile(t, fmt.Sprintf("%d.img", i), random(uint64(30+i), 8<<20+i))
		all.Go(func() {
			if out, err := exec.Command("cp", source, m.dir).CombinedOutput(); err != nil {
				t.Errorf("cp: %v: %s", err, out)
			}
		})
	}
	all.Wait()
	for i := range 4 {
		s.wantStored(fmt.Sprintf("%d.img", i), random(uint64(30+i), 8<<20+i))
	}
}

func TestUploadsTakeBoundedMemory(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "visorfs")
	if err := build(plain); err != nil {
		t.Fatal(err)
	}
	s := startServer(t)
	m := launchMount(t, launch{binary: plain}, "mount", "--url", s.url)
	tool(t, "dd", "if=/dev/zero", "of="+m.path("big.img"), "bs=1M", "count=256", "status=none")
	tool(t, "cmp", "-n", strconv.Itoa(256<<20), m.path("big.img"), "/dev/zero")
	if size := s.only("big.img")["size"]; size != float64(256<<20) {
		t.Errorf("size on the server: %v", size)
	}
	if peak := peakMemory(t, m.cmd.Process.Pid); peak > 200<<20 {
		t.Errorf("the mount took up to %d MiB of memory, want less than 200", peak>>20)
	}
}

// peakMemory is the most memory that a process ever had, in bytes.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	line, _, _ := strings.Cut(rest, "kB")
	kib, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

func TestCloseStoresWhatWasTruncatedByPath(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(m.path("a.img"), 200_000); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s.wantStored("a.img", make([]byte, 200_000))
}

// The kernel tells of the release of what was closed some time after close() has returned; with
// a copy of the descriptor it does so when the test wants.
func TestTruncationByPathIsStoredThoughTheReleaseOfWhatWasClosedIsStillToCome(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := random(572, 30_000)
	s.post("emptied.img", data, nil)
	for name, flags := range map[string]int{"written.img": os.O_WRONLY | os.O_CREATE, "emptied.img": os.O_WRONLY | os.O_TRUNC} {
		t.Run(name, func(t *testing.T) {
			f := open(t, m.path(name), flags)
			unreleased, err := unix.Dup(int(f.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = unix.Close(unreleased) }()
			want := make([]byte, 8192)
			if flags&os.O_TRUNC == 0 {
				copy(want, data)
				_, err = f.Write(data)
			}
			if err := errors.Join(err, f.Close(), os.Truncate(m.path(name), int64(len(want)))); err != nil {
				t.Fatal(err)
			}
			s.wantStored(name, want)
			if n, err := unix.Pwrite(unreleased, data, 0); err != nil || n != len(data) {
				t.Fatalf("write through the copy: %d, %v", n, err)
			}
			if err := os.Truncate(m.path(name), 100); err != nil {
				t.Fatal(err)
			}
			if err := unix.Close(unreleased); err != nil {
				t.Fatal(err)
			}
			s.wantStored(name, data[:100])
		})
	}
}

func TestWhatWasJustWrittenIsReadBackWithoutARequest(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t)
	data := random(570, 3<<20)
	tool(t, "cp", newFile(t, "a.img", data), m.path("a.img"))
	p.reset()
	wantContent(t, m.path("a.img"), data)
	other := random(571, 100)
	f := open(t, m.path("a.img"), os.O_RDWR)
	if _, err := f.WriteAt(other, 1<<20); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	copy(data[1<<20:], other)
	wantContent(t, m.path("a.img"), data)
	p.wantRequests(t, "data", isData, 0)
	s.wantStored("a.img", data)
}
