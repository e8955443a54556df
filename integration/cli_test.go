//go:build linux

package integration

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// invoke runs visorfs to its end, which must come by itself.
func invoke(t *testing.T, l launch, args ...string) result {
	t.Helper()
	cmd := l.command(t, args...)
	var stdout, stderr output
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	late := time.AfterFunc(endTime, func() {
		t.Errorf("visorfs %s did not end; killed it", strings.Join(args, " "))
		_ = cmd.Process.Kill()
	})
	_ = cmd.Wait()
	late.Stop()
	return result{code: cmd.ProcessState.ExitCode(), stdout: stdout.String(), stderr: stderr.String()}
}

// wantRefusal demands an exit code, and a message that has all the words.
func wantRefusal(t *testing.T, r result, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d; stderr: %s", r.code, code, r.stderr)
	}
	for _, word := range words {
		if !strings.Contains(r.stderr, word) {
			t.Errorf("the message has no %q: %s", word, r.stderr)
		}
	}
	if r.stdout != "" {
		t.Errorf("on standard output: %s", r.stdout)
	}
}

func TestWrongKeyIsSaidBeforeAnythingIsMounted(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	for name, env := range map[string][]string{
		"secret":      {"VISOR_ACCESS_KEY=foo", "VISOR_SECRET_KEY=hush-hush"},
		"access key":  {"VISOR_ACCESS_KEY=stranger", "VISOR_SECRET_KEY=hush-hush"},
		"both, flags": {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := []string{"mount", "--url", s.url}
			if len(env) == 0 {
				args = append(args, "--access-key", "stranger", "--secret-key", "hush-hush")
			}
			dir := newMountpoint(t)
			r := invoke(t, launch{env: env}, append(args, dir)...)
			wantRefusal(t, r, 1, s.url, "--access-key", "--secret-key", "VISOR_ACCESS_KEY", "VISOR_SECRET_KEY")
			if strings.Contains(r.stderr, "hush-hush") {
				t.Errorf("the secret key is in the message: %s", r.stderr)
			}
			if isMounted(t, dir) {
				t.Error("it is mounted")
			}
		})
	}
}

func TestMissingKeysAreSaidWithTheWaysToGiveThem(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"mount", t.TempDir()}, {"serve", "--data", t.TempDir()}} {
		wantRefusal(t, invoke(t, launch{env: []string{}}, args...), 2, "access key", "VISOR_ACCESS_KEY", "visor-config.yml", "--access-key")
		wantRefusal(t, invoke(t, launch{env: []string{"VISOR_ACCESS_KEY=foo"}}, args...), 2, "secret key", "VISOR_SECRET_KEY", "--secret-key")
	}
}

func TestUnusableMountpointIsSaidWithWhatToDo(t *testing.T) {
	t.Parallel()
	s, m := mounted(t)
	file := newFile(t, "file", []byte("x"))
	for name, c := range map[string]struct {
		dir   string
		words []string
	}{
		"missing":   {filepath.Join(t.TempDir(), "nowhere"), []string{"does not exist", "mkdir -p"}},
		"a file":    {file, []string{"not a directory"}},
		"not empty": {filepath.Dir(file), []string{"not empty", "choose"}},
		"busy":      {m.dir, []string{"already mounted", s.url, "umount"}},
	} {
		for _, args := range [][]string{{"mount", "--url", s.url}, {"demo"}} {
			t.Run(name+"/"+args[0], func(t *testing.T) {
				r := invoke(t, launch{}, append(args, c.dir)...)
				wantRefusal(t, r, 1, append(c.words, c.dir)...)
			})
		}
	}
	tool(t, "ls", m.dir) // the busy one is as it was
}

func TestServerThatIsNotThereIsSaid(t *testing.T) {
	t.Parallel()
	dir := newMountpoint(t)
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + free.Addr().String()
	_ = free.Close()
	begin := time.Now()
	wantRefusal(t, invoke(t, launch{}, "mount", "--url", url, dir), 1, url, "--url", "--host")
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("it took %v to say so", took)
	}
	wantRefusal(t, invoke(t, launch{}, "mount", "--url", "ftp://x", dir), 1, "ftp://x", "http://")
	wantRefusal(t, invoke(t, launch{}, "mount", "--url", "http://nowhere.invalid", "--timeout", "2s", dir), 1, "nowhere.invalid")
}

func TestServerThatIsNoVISIsSaid(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	p := startProxy(t, s)
	dir := newMountpoint(t)
	p.setFault(always(fault{status: 200}))
	if r := invoke(t, launch{}, "mount", "--url", p.url, "--timeout", "2s", dir); r.code != 1 || isMounted(t, dir) {
		t.Errorf("exit code %d at a server that is another service, mounted: %v", r.code, isMounted(t, dir))
	}
	p.setFault(always(fault{stall: true}))
	wantRefusal(t, invoke(t, launch{}, "mount", "--url", p.url, "--timeout", "2s", dir), 1, p.url)
}

func TestPortInUseIsSaid(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	addr := strings.TrimPrefix(s.url, "http://")
	wantRefusal(t, invoke(t, launch{}, "serve", "--listen", addr, "--data", t.TempDir()), 1, addr, "in use", "--listen")
	wantRefusal(t, invoke(t, launch{}, "demo", "--listen", addr, newMountpoint(t)), 1, addr, "in use", "--listen")
	r := invoke(t, launch{}, "serve", "--listen", "nonsense", "--data", t.TempDir())
	wantRefusal(t, r, 1, "--listen")
}

func TestDataDirectoryInUseIsSaid(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	wantRefusal(t, invoke(t, launch{}, "serve", "--listen", "127.0.0.1:0", "--data", s.data), 1, s.data)
	file := newFile(t, "file", nil)
	wantRefusal(t, invoke(t, launch{}, "serve", "--listen", "127.0.0.1:0", "--data", file), 1, file)
}

func TestWrongCommandLineIsExitCodeTwo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, c := range []struct{ args, words string }{
		{"mount", "MOUNTPOINT"},
		{"demo", "MOUNTPOINT"},
		{"mount a b", "MOUNTPOINT"},
		{"serve extra", "extra"},
		{"mount --memry 1MiB " + dir, "--memry"},
		{"mount --memory lots " + dir, "lots"},
		{"mount --timeout 5 " + dir, "timeout"},
		{"mount --timeout -5s " + dir, "timeout"},
		{"mount --metadata-ttl -1s " + dir, "metadata-ttl"},
		{"mount --streams 0 " + dir, "--streams 0: give 1 or more"},
		{"mount --memory 1KiB " + dir, "--memory 1.0 KiB: give 1MiB or more"},
		{"mount --readahead 0 " + dir, "--readahead"},
		{"mount --cache-size 10 " + dir, "--cache-size"},
		{"mount --verify sometimes " + dir, "auto, always or never"},
		{"mount --architecture z80 " + dir, "x86_64"},
		{"mount -o nonsense " + dir, "nonsense"},
		{"mount -o ro,nonsense " + dir, "nonsense"},
		{"mount -o ro,alow_other " + dir, "is allow_other meant?"},
		{"mount -o metadata_ttl " + dir, "metadata_ttl=DURATION"},
		{"mount -o remount,ro " + dir, "remount"},
		{"mount --metadat-ttl 5s " + dir, "is --metadata-ttl meant?"},
		{"mount --umask 888 " + dir, "022"},
		{"mount --uid nobody-here " + dir, "nobody-here"},
		{"mount --stop-timeout -1s " + dir, "--stop-timeout"},
		{"mount --daemon --port 99999 " + dir, "--port"},
		{"umount", "MOUNTPOINT"},
		{"umount --timeout -1s " + dir, "--timeout"},
		{"mount --url http://x --host y " + dir, "--host"},
		{"mont " + dir, "mont"},
	} {
		t.Run(strings.TrimSuffix(c.args, dir), func(t *testing.T) {
			wantRefusal(t, invoke(t, launch{}, strings.Fields(c.args)...), 2, c.words)
		})
	}
}

func TestHelpTeachesEveryFlag(t *testing.T) {
	t.Parallel()
	server := "--access-key --secret-key VISOR_ACCESS_KEY visor-config.yml"
	mounting := "--memory --metadata-ttl --options -o, allow_other MOUNTPOINT getfattr"
	for command, words := range map[string]string{
		"":      "mount serve demo",
		"mount": mounting + " --url --host --port --timeout 0.0.0.0 4568 30s 5s fusermount3 " + server,
		"serve": "--listen --data --no-range 4568 " + server,
		"demo":  mounting + " --data foo bar Ctrl-C",
	} {
		r := invoke(t, launch{env: []string{}, dir: "/tmp"}, append(strings.Fields(command), "--help")...)
		if r.code != 0 || r.stderr != "" {
			t.Errorf("%s --help: exit code %d, stderr %s", command, r.code, r.stderr)
		}
		for _, word := range strings.Fields(words) {
			if !strings.Contains(r.stdout, word) {
				t.Errorf("%s --help does not mention %s", command, word)
			}
		}
		for line := range strings.Lines(r.stdout) {
			if len(line) > 140 {
				t.Errorf("%s --help has a line of %d characters: %s", command, len(line), line)
			}
		}
	}
	if r := invoke(t, launch{}, "--version"); r.code != 0 || !strings.Contains(r.stdout, "visorfs") {
		t.Errorf("--version: exit code %d, %q", r.code, r.stdout)
	}
}

func TestSecretKeyNeverShows(t *testing.T) {
	t.Parallel()
	const hush = "hush-hush-hush"
	env := []string{"VISOR_ACCESS_KEY=foo", "VISOR_SECRET_KEY=" + hush}
	data := t.TempDir()
	s := start(t, launch{env: env}, "serve", "--listen", "127.0.0.1:0", "--data", data, "--debug")
	_, url, _ := strings.Cut(s.ready(), " at ")
	m := launchMount(t, launch{env: env}, "mount", "--url", url, "--debug", "--debug-fuse")
	m.allowLog("level=WARN")
	tool(t, "cp", newFile(t, "a.iso", random(1, 1000)), m.dir)
	tool(t, "getfattr", "-d", m.path("a.iso"))
	_, _ = os.Create(m.path("bad\x01"))
	m.stop()
	s.stop()
	for _, p := range []*program{m.program, s} {
		if strings.Contains(p.stdout.String()+p.stderr.String(), hush) {
			t.Errorf("%s shows the secret key", p)
		}
	}
}
