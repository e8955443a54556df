//go:build linux

package integration

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// patience is the --timeout of mounts here, and tolerance what a call may take beyond
// it on a busy machine with the race detector.
const (
	patience  = 3 * time.Second
	tolerance = 5 * time.Second
)

// wantAllFail demands that what people do with files fails in time, with a message.
// cold has never been read.
func wantAllFail(t *testing.T, m *mount, message string) {
	t.Helper()
	source := newFile(t, "new.img", random(90, 2<<20))
	for _, command := range [][]string{
		{"ls", m.dir},
		{"cat", m.path("cold.img")},
		{"stat", m.path("cold.img")},
		{"cp", source, m.dir},
		{"touch", m.path("touched")},
		{"rm", m.path("cold.img")},
		{"setfattr", "-n", "user.visor.note", "-v", "x", m.path("cold.img")},
	} {
		r := wantFailure(t, message, command[0], command[1:]...)
		if r.took > patience+tolerance {
			t.Errorf("%s failed after %v, want that within %v", command[0], r.took, patience)
		}
	}
}

func TestStoppedServerIsAnIOErrorUntilItIsBack(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--timeout", patience.String(), "--metadata-ttl", "1s")
	m.expectLog(`level=ERROR msg="(lookup|readdir): .*errno="input/output error"`)
	m.allowLog(`level=ERROR`)
	data := random(91, 3<<20)
	s.post("cold.img", data, nil)
	names(t, m.dir)
	s.stop()
	time.Sleep(1100 * time.Millisecond)
	wantAllFail(t, m, "Input/output error")

	s.restart()
	eventually(t, "ls works again", func() bool { return try(t, "ls", m.dir).stdout == "cold.img\n" })
	wantContent(t, m.path("cold.img"), data)
	tool(t, "cp", newFile(t, "new.img", random(90, 2<<20)), m.dir)
	tool(t, "touch", m.path("touched"))
	s.wantStored("new.img", random(90, 2<<20))
	s.only("touched")
	if n := len(s.images()); n != 3 {
		t.Errorf("%d images are on the server, want 3", n)
	}
}

func TestServerThatIsBackInTimeIsWaitedFor(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--timeout", "20s", "--metadata-ttl", "1s")
	data := random(92, 3<<20)
	s.post("a.img", data, nil)
	names(t, m.dir)
	s.stop()
	time.Sleep(1100 * time.Millisecond)
	cat := background(t, "cmp", newFile(t, "a.img", data), m.path("a.img"))
	if err := cat.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(500 * time.Millisecond)
	s.restart()
	if err := cat.Wait(); err != nil {
		t.Errorf("cmp: %v, want that it waited for the server", err)
	}
}

func TestHungServerIsATimeout(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--timeout", patience.String(), "--metadata-ttl", "1s")
	m.expectLog(`level=ERROR msg="(lookup|readdir): .*errno="connection timed out"`)
	m.allowLog(`level=ERROR`)
	s.post("cold.img", random(93, 1<<20), nil)
	names(t, m.dir)
	p.setFault(always(fault{stall: true}))
	time.Sleep(1100 * time.Millisecond)
	wantAllFail(t, m, "Connection timed out")
	p.setFault(nil)
	eventually(t, "ls works again", func() bool { return try(t, "ls", m.dir).stdout == "cold.img\n" })
	wantContent(t, m.path("cold.img"), random(93, 1<<20))
}

func TestUploadThatTheServerDoesNotAnswerIsATimeout(t *testing.T) {
	t.Parallel()
	s, p, m := counted(t, "--timeout", patience.String())
	m.expectLog(`level=ERROR .*path=/a.img.*errno="connection timed out"`)
	p.setFault(uploads(fault{stall: true}))
	for _, size := range []int{1000, 8 << 20} {
		r := wantFailure(t, "Connection timed out", "cp", newFile(t, "a.img", random(94, size)), m.dir)
		if r.took > patience+tolerance {
			t.Errorf("cp of %d bytes failed after %v, want that within %v", size, r.took, patience)
		}
		if got := names(t, m.dir); got != "" {
			t.Errorf("ls shows %q after the failure", got)
		}
	}
	s.wantEmpty()
}

func TestInterruptEndsABlockedProgramAtOnce(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	m := startMount(t, p.url, "--timeout", "60s", "--metadata-ttl", "1h")
	m.allowLog(`level=ERROR`)
	s.post("a.img", random(95, 3<<20), nil)
	names(t, m.dir)
	source := newFile(t, "b.img", random(96, 3<<20))
	p.setFault(always(fault{stall: true}))
	for name, command := range map[string][]string{
		"read":   {"cat", m.path("a.img")},
		"write":  {"cp", source, m.dir},
		"close":  {"touch", m.path("c.img")},
		"remove": {"rm", "-f", m.path("a.img")},
		"set":    {"setfattr", "-n", "user.visor.note", "-v", "x", m.path("a.img")},
	} {
		t.Run(name, func(t *testing.T) { wantInterruptible(t, command[0], command[1:]...) })
	}
	fresh := startProxy(t, s)
	unlisted := startMount(t, fresh.url, "--timeout", "60s")
	unlisted.allowLog(`level=ERROR`)
	fresh.setFault(always(fault{stall: true}))
	t.Run("list", func(t *testing.T) { wantInterruptible(t, "ls", unlisted.dir) })
}

// wantInterruptible starts a tool that blocks, and ends it as Ctrl-C does.
func wantInterruptible(t *testing.T, name string, args ...string) {
	t.Helper()
	cmd := background(t, name, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		t.Fatalf("%s ended before it was interrupted: %v", name, err)
	case <-time.After(700 * time.Millisecond):
	}
	begin := time.Now()
	_ = cmd.Process.Signal(os.Interrupt)
	select {
	case <-ended:
	case <-time.After(2 * time.Second):
		t.Errorf("%s still blocks 2 s after SIGINT", name)
		_ = cmd.Process.Kill()
		select {
		case <-ended:
			t.Logf("SIGKILL ended it, %v after SIGINT", time.Since(begin))
		case <-time.After(5 * time.Second):
			t.Errorf("%s still blocks 5 s after SIGKILL", name)
		}
	}
}

func TestAcknowledgedImageSurvivesACrashOfTheServer(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url, "--metadata-ttl", "1s")
	m.allowLog(`level=ERROR`)
	var sizes []int
	for i := range 5 {
		sizes = append(sizes, 2<<20+i*1_000_003)
		name := fmt.Sprintf("%d.img", i)
		source := newFile(t, name, random(uint64(100+i), sizes[i]))
		eventually(t, "cp works", func() bool { return try(t, "cp", source, m.dir).code == 0 })
		s.signal(syscall.SIGKILL)
		<-s.ended
		s.restart()
		for j, size := range sizes {
			s.wantStored(fmt.Sprintf("%d.img", j), random(uint64(100+j), size))
		}
	}
	if n := len(s.images()); n != len(sizes) {
		t.Errorf("%d images are on the server, want %d", n, len(sizes))
	}
}

func TestServerKilledInMidUploadGetsItAgain(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	m := startMount(t, s.url)
	data := random(97, 4<<20)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(data); err != nil {
		t.Fatal(err)
	}
	s.signal(syscall.SIGKILL)
	<-s.ended
	s.restart()
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	s.wantStored("a.img", data)
	if n := len(s.images()); n != 1 {
		t.Errorf("%d images are on the server", n)
	}
	for dir, want := range map[string]int{"images": 1, "incoming": 0} {
		if left, _ := os.ReadDir(s.data + "/" + dir); len(left) != want {
			t.Errorf("%s has %d files, want %d", dir, len(left), want)
		}
	}
}
