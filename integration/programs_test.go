//go:build linux

package integration

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestCopyWithinTheMount(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	data := random(200, 5<<20+3)
	s.post("a.img", data, nil)
	tool(t, "cp", m.path("a.img"), m.path("b.img"))
	s.wantStored("b.img", data)
}

func TestMappedFileIsRight(t *testing.T) {
	t.Parallel()
	s, m := mounted(t, "--memory", "1MiB")
	data := random(201, 5<<20+3)
	s.post("a.img", data, nil)
	f := open(t, m.path("a.img"), 0)
	mapped, err := unix.Mmap(int(f.Fd()), 0, len(data), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Munmap(mapped) }()
	if !bytes.Equal(mapped, data) {
		t.Error("the mapped bytes are not the source's")
	}
}

func TestRsyncInPlaceStoresItsFiles(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	source := newFile(t, "a.iso", random(202, 3<<20))
	tool(t, "rsync", "-t", "--inplace", "--whole-file", source, m.dir+"/")
	s.wantStored("a.iso", random(202, 3<<20))
	want := tool(t, "stat", "-c", "%Y %s", source)
	if got := tool(t, "stat", "-c", "%Y %s", m.path("a.iso")); got != want {
		t.Errorf("mtime and size %s, want %s", got, want)
	}
	if moved := tool(t, "rsync", "-ti", "--inplace", source, m.dir+"/"); moved != "" {
		t.Errorf("a second rsync moves %s", moved)
	}
}

func TestQemuImgReadsAndNeverStoresAWrongImage(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog(`level=WARN`)
	raw := newFile(t, "a.raw", append(random(203, 3<<20), make([]byte, 5<<20)...))
	qcow2 := filepath.Join(t.TempDir(), "a.qcow2")
	tool(t, "qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2)
	tool(t, "cp", "--sparse=never", qcow2, m.dir)
	tool(t, "qemu-img", "check", m.path("a.qcow2"))
	tool(t, "qemu-img", "compare", raw, m.path("a.qcow2"))

	r := try(t, "qemu-img", "convert", "-f", "qcow2", "-O", "qcow2", qcow2, m.path("b.qcow2"))
	t.Logf("qemu-img convert: exit code %d: %s", r.code, r.stderr)
	for _, img := range s.images() {
		if img.text("name") == "b.qcow2" && (r.code == 0 || img.text("status") == "available") {
			tool(t, "qemu-img", "compare", raw, m.path("b.qcow2"))
		}
	}
}

func TestEmptyingAFileLeavesALockedImageWithItsMetadata(t *testing.T) {
	t.Parallel()
	for name, command := range map[string]string{"shell": `: > "$1"`, "truncate": `truncate -s 0 "$1"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m := mounted(t)
			s.post("a.iso", random(204, 1000), map[string]string{"note": "x"})
			tool(t, "sh", "-ec", command, "sh", m.path("a.iso"))
			eventually(t, "the image is locked and empty", func() bool {
				list := s.images()
				return len(list) == 1 && list[0].text("status") == "locked" && list[0].text("note") == "x" && list[0].text("name") == "a.iso"
			})
			wantContent(t, m.path("a.iso"), nil)
		})
	}
}

func TestAppendingToANewFileWorks(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	tool(t, "sh", "-ec", `{ echo a; echo b; } >> "$1"`, "sh", m.path("a.txt"))
	s.wantStored("a.txt", []byte("a\nb\n"))
}

func TestAttributesOfDirectoriesDoNoHarm(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	m.allowLog("level=WARN")
	s.post("dir/a.iso", random(205, 1000), nil)
	dir, file := m.path("dir"), m.path("dir/a.iso")
	if setxattr(dir, "user.visor.note", "x") == nil {
		t.Error("a directory took an attribute")
	}
	if unix.Removexattr(dir, "user.visor.note") == nil {
		t.Error("an attribute of a directory was removed")
	}
	if getxattr(dir, "user.visor.note") == nil {
		t.Error("a directory has an attribute")
	}
	if err := setxattr(file, "user.visor.note", "x"); err != nil {
		t.Error(err)
	}
	wantAttributes(t, file, map[string]string{"note": "x"})
	tool(t, "setfattr", "-x", "user.visor.note", file)
}

func TestImageThatIsBeingUploadedIsBusyElsewhere(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	other := startMount(t, s.url, "--metadata-ttl", "1s")
	other.allowLog(`level=WARN .*errno="device or resource busy"`)
	s.post("a.iso", nil, nil)
	wantContent(t, other.path("a.iso"), nil)
	data := random(206, 3<<20)
	f, err := os.OpenFile(m.path("a.iso"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is busy in the other mount", func() bool {
		return strings.Contains(try(t, "cat", other.path("a.iso")).stderr, "busy")
	})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other mount has the data", func() bool {
		got, err := os.ReadFile(other.path("a.iso"))
		return err == nil && bytes.Equal(got, data)
	})
}

func TestSignalsThatDoNotKillDropNothing(t *testing.T) {
	s, m := mounted(t)
	got := make(chan os.Signal, 1)
	signal.Notify(got, syscall.SIGUSR1)
	defer signal.Stop(got)
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(200 * time.Microsecond):
				_ = syscall.Kill(os.Getpid(), syscall.SIGUSR1)
			}
		}
	}()
	for i := range 10 {
		data := random(uint64(210+i), 2<<20+i)
		name := fmt.Sprintf("%d.img", i)
		if err := os.WriteFile(m.path(name), data, 0o644); err != nil {
			t.Errorf("write: %v", err)
		}
		wantContent(t, m.path(name), data)
	}
	close(stop)
	<-stopped
	for i := range 10 {
		s.wantStored(fmt.Sprintf("%d.img", i), random(uint64(210+i), 2<<20+i))
	}
}

func TestMountEndsAlsoWhenTheServerHangs(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url)
	names(t, m.dir)
	p.setFault(always(fault{stall: true}))
	begin := time.Now()
	m.stop()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestReaderOfADeadMountGetsAnError(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--timeout", "60s")
	s.post("a.img", random(207, 1<<20), nil)
	names(t, m.dir)
	p.setFault(always(fault{stall: true}))
	cat := background(t, "cat", m.path("a.img"))
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(300 * time.Millisecond)
	m.kill()
	if err := cat.Wait(); err == nil {
		t.Error("cat succeeded")
	}
}
