package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

func TestHelperUnderstandsMount8(t *testing.T) {
	const daemon = "mount --daemon --fsname "
	for _, row := range []struct{ args, want string }{
		{"http://vis:4568 /mnt", daemon + "http://vis:4568 --url http://vis:4568 -- /mnt"},
		{"http://vis:4568 /mnt -o rw,ro", daemon + "http://vis:4568 --url http://vis:4568 -o ro -- /mnt"},
		{"vis /mnt -o rw", daemon + "vis --host vis -- /mnt"},
		{"vis /mnt -o ro,rw", daemon + "vis --host vis -o ro,rw -- /mnt"},
		{"vis /mnt -sn -o a -ob", daemon + "vis --host vis -o a -o b --sloppy -- /mnt"},
		{"vis:4568 /mnt -t fuse.visorfs -v", daemon + "vis:4568 --host vis --port 4568 -- /mnt"},
		{"-nt visorfs [::1]:4568 /mnt", daemon + "[::1]:4568 --host ::1 --port 4568 -- /mnt"},
		{"none /mnt -N 3", daemon + "none -- /mnt"},
	} {
		call, err := parseHelperCall(strings.Fields(row.args))
		if err != nil {
			t.Errorf("%s: %v", row.args, err)
			continue
		}
		line, err := call.commandLine()
		if got := strings.Join(line, " "); err != nil || got != row.want {
			t.Errorf("%s: %q, %v, want %q", row.args, got, err, row.want)
		}
	}
}

func TestHelperRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for _, args := range []string{"", "vis", "vis /mnt more", "vis /mnt -x", "vis /mnt -o", ":4568 /mnt", "a:b:c /mnt"} {
		call, err := parseHelperCall(strings.Fields(args))
		if err == nil {
			_, err = call.commandLine()
		}
		var usage usageError
		if !errors.As(err, &usage) {
			t.Errorf("%q: %T %v", args, err, err)
		}
	}
}

func TestCallOfMountFuseIsToldFromACommand(t *testing.T) {
	for args, want := range map[string]bool{
		"http://vis /mnt -o rw": true, "vis /mnt -o rw": true, "vis:4568 /mnt": true, "none /mnt -o rw": true,
		"": false, "mount": false, "mount /mnt": false, "imge list": false, "mont --url http://vis /mnt": false, "--url http://vis": false, "http://vis": false,
	} {
		if got := isHelperCall(strings.Fields(args)); got != want {
			t.Errorf("%q: %v", args, got)
		}
	}
}

func TestDaemonIsGivenEveryFlagButTheSecret(t *testing.T) {
	var m mountFlags
	var s settings
	flags := pflag.NewFlagSet("mount", pflag.ContinueOnError)
	s.addKeys(flags)
	m.add(flags)
	args := []string{"--secret-key", "s3cr3t", "--access-key", "foo", "-o", "ro,noexec,memory=1234567,secret_key=s3cr3t,spool_size=0,umask=0", "--metadata-ttl", "90s"}
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	if err := m.applyOptions(flags); err != nil {
		t.Fatal(err)
	}
	want := "mount --access-key=foo --memory=1234567 --metadata-ttl=1m30s --options=noexec --read-only=true --spool-size=0 --umask=0 -- -dir"
	if got := strings.Join(m.daemonArguments(flags, "-dir"), " "); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestHelperDoesWithoutAnEnvironment(t *testing.T) {
	t.Setenv("PATH", "")
	t.Setenv("HOME", "")
	completeEnvironment()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Error(err)
	}
	if home := os.Getenv("HOME"); !filepath.IsAbs(home) {
		t.Errorf("HOME is %q", home)
	}
	t.Setenv("PATH", "/x")
	t.Setenv("HOME", "/y")
	completeEnvironment()
	if os.Getenv("PATH") != "/x" || os.Getenv("HOME") != "/y" {
		t.Error("what there is was changed")
	}
}
