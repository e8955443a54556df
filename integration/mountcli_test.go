//go:build linux

package integration

import (
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReadyLineSaysWhatIsMountedWhere(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	if line := m.ready(); !strings.Contains(line, s.url) || !strings.Contains(line, m.dir) {
		t.Errorf("the ready line is %q", line)
	}
	if line := s.ready(); !strings.Contains(line, s.url) || !strings.Contains(line, s.data) {
		t.Errorf("the ready line of the server is %q", line)
	}
	if got := tool(t, "findmnt", "-n", "-o", "SOURCE,FSTYPE", m.dir); strings.Join(strings.Fields(got), " ") != s.url+" fuse.visorfs" {
		t.Errorf("mounted is %s", got)
	}
}

func TestUnmountingEndsTheProgram(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{{"umount"}, {"fusermount3", "-u"}} {
		t.Run(command[0], func(t *testing.T) {
			t.Parallel()
			s, m := mounted(t)
			tool(t, "cp", newFile(t, "a.iso", random(120, 100_000)), m.dir)
			tool(t, command[0], append(command[1:], m.dir)...)
			if code := m.exit(); code != 0 {
				t.Errorf("exit code %d after %s; stderr %s", code, command[0], m.stderr.String())
			}
			s.wantStored("a.iso", random(120, 100_000))
		})
	}
}

func TestUnmountingADemoEndsItsServerToo(t *testing.T) {
	t.Parallel()
	m := launchMount(t, launch{env: []string{}}, "demo")
	tool(t, "cp", newFile(t, "a.iso", random(121, 100_000)), m.dir)
	tool(t, "umount", m.dir)
	if code := m.exit(); code != 0 {
		t.Errorf("exit code %d; stderr %s", code, m.stderr.String())
	}
}

func TestSIGTERMEndsEveryCommand(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	demo := launchMount(t, launch{env: []string{}}, "demo")
	for _, p := range []*program{m.program, demo.program, s.program} {
		p.signal(syscall.SIGTERM)
		if code := p.exit(); code != 0 {
			t.Errorf("%s: exit code %d after SIGTERM; stderr %s", p, code, p.stderr.String())
		}
	}
}

func TestFileThatStaysOpenDelaysTheEndByTheGraceOnly(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.img", random(122, 1<<20), nil)
	open(t, m.path("a.img"), 0)
	begin := time.Now()
	m.signal(syscall.SIGTERM)
	m.exit()
	if took := time.Since(begin); took < 5*time.Second || took > 15*time.Second {
		t.Errorf("it ended after %v, want the grace of 10 s", took)
	}
	if !strings.Contains(m.stderr.String(), "in use") {
		t.Errorf("it does not say why: %s", m.stderr.String())
	}
}

func TestSecondSignalEndsAMountThatIsInUseAtOnce(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	s.post("a.img", random(123, 1<<20), nil)
	open(t, m.path("a.img"), 0)
	m.signal(os.Interrupt)
	time.Sleep(300 * time.Millisecond)
	begin := time.Now()
	m.signal(os.Interrupt)
	m.exit()
	if took := time.Since(begin); took > 3*time.Second {
		t.Errorf("it ended %v after the second signal", took)
	}
}

func TestEndWaitsForACopyThatIsUnderWay(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	f, err := os.Create(m.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(random(124, 1<<20)); err != nil {
		t.Fatal(err)
	}
	m.signal(syscall.SIGTERM)
	time.Sleep(500 * time.Millisecond)
	if _, err := f.Write(random(125, 1<<20)); err != nil {
		t.Errorf("write after SIGTERM: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("close after SIGTERM: %v", err)
	}
	if code := m.exit(); code != 0 {
		t.Errorf("exit code %d; stderr %s", code, m.stderr.String())
	}
	s.wantStored("a.img", append(random(124, 1<<20), random(125, 1<<20)...))
}

// asNobody runs a tool as the user nobody.
func asNobody(t *testing.T, args ...string) result {
	t.Helper()
	return try(t, "setpriv", append([]string{"--reuid=nobody", "--regid=nogroup", "--clear-groups"}, args...)...)
}

func TestOtherUsersGetInWithAllowOtherOnly(t *testing.T) {
	needRoot(t)
	t.Parallel()
	s := startServer(t)
	data := random(126, 5000)
	s.post("public.img", data, nil)
	s.post("private.img", data, map[string]string{"access": "private"})

	closed := startMount(t, s.url)
	if r := asNobody(t, "cat", closed.path("public.img")); r.code == 0 || !strings.Contains(r.stderr, "Permission denied") {
		t.Errorf("without allow_other: exit code %d, %s", r.code, r.stderr)
	}

	m := startMount(t, s.url, "-o", "allow_other")
	if r := asNobody(t, "cat", m.path("public.img")); r.code != 0 || r.stdout != string(data) {
		t.Errorf("with allow_other: exit code %d, %d bytes, %s", r.code, len(r.stdout), r.stderr)
	}
	for _, command := range [][]string{
		{"cat", m.path("private.img")},
		{"touch", m.path("new.img")},
		{"rm", "-f", m.path("public.img")},
		{"chmod", "600", m.path("public.img")},
		{"setfattr", "-n", "user.visor.note", "-v", "x", m.path("public.img")},
	} {
		r := asNobody(t, command...)
		if r.code == 0 || !strings.Contains(r.stderr, "ermi") { // "Permission denied", "Operation not permitted"
			t.Errorf("nobody may %s: exit code %d, %s", command[0], r.code, r.stderr)
		}
	}
	if n := len(s.images()); n != 2 {
		t.Errorf("%d images are on the server, want 2", n)
	}
}
