//go:build linux

package integration

import (
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
