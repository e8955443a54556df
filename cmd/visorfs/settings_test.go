package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/visorfs/visorfs/visclient"
)

// isolate gives a test an empty home, working directory and environment.
func isolate(t *testing.T) (home string) {
	t.Helper()
	if _, err := os.Stat("/etc/visor/visor-config.yml"); err == nil {
		t.Skip("this machine has a configuration of VISOR, which cannot be hidden")
	}
	home = t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("XDG_DATA_HOME", "")
	for _, name := range []string{"VISOR_HOST", "VISOR_PORT", "VISOR_ACCESS_KEY", "VISOR_SECRET_KEY"} {
		t.Setenv(name, "")
	}
	t.Chdir(t.TempDir())
	return home
}

func writeConfig(t *testing.T, dir, text string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, visclient.ConfigFileName), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestFlagsBeatEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	const file = "visor_image: {bind_host: file, bind_port: 1, access_key: file-key, secret_key: file-secret}\nvisor_store: {default: s3}"
	env := map[string]string{"VISOR_HOST": "env", "VISOR_PORT": "2", "VISOR_ACCESS_KEY": "env-key", "VISOR_SECRET_KEY": "env-secret"}
	flags := settings{host: "flag", port: 3, accessKey: "flag-key", secretKey: "flag-secret", timeout: time.Minute}
	all := visclient.Options{Host: "flag", Port: 3, AccessKey: "flag-key", SecretKey: "flag-secret", Store: "s3"}
	for _, row := range []struct {
		what  string
		flags settings
		env   map[string]string
		file  string
		want  visclient.Options
	}{
		{"nothing", settings{}, nil, "", visclient.Options{}},
		{"file", settings{}, nil, file, visclient.Options{Host: "file", Port: 1, AccessKey: "file-key", SecretKey: "file-secret", Store: "s3"}},
		{"environment", settings{}, env, file, visclient.Options{Host: "env", Port: 2, AccessKey: "env-key", SecretKey: "env-secret", Store: "s3"}},
		{"flags", flags, env, file, all},
		{"flags and file", flags, nil, file, all},
		{"one of each", settings{host: "flag"}, map[string]string{"VISOR_PORT": "2"}, file,
			visclient.Options{Host: "flag", Port: 2, AccessKey: "file-key", SecretKey: "file-secret", Store: "s3"}},
		{"environment alone", settings{}, env, "", visclient.Options{Host: "env", Port: 2, AccessKey: "env-key", SecretKey: "env-secret"}},
		{"URL", settings{url: "http://flag:9"}, env, file,
			visclient.Options{URL: "http://flag:9", AccessKey: "env-key", SecretKey: "env-secret", Store: "s3"}},
		{"URL and a port that does not count", settings{url: "http://flag:9"}, map[string]string{"VISOR_PORT": "many"}, "",
			visclient.Options{URL: "http://flag:9"}},
		{"a port that does not count", settings{port: 3}, map[string]string{"VISOR_PORT": "many"}, "", visclient.Options{Port: 3}},
	} {
		t.Run(row.what, func(t *testing.T) {
			isolate(t)
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			if row.file != "" {
				writeConfig(t, ".", row.file)
			}
			got, err := row.flags.resolve()
			row.want.Timeout, row.want.UserAgent = row.flags.timeout, got.UserAgent
			if err != nil || got != row.want {
				t.Errorf("%+v, %v, want %+v", got, err, row.want)
			}
			if !strings.HasPrefix(got.UserAgent, "visorfs/") {
				t.Errorf("user agent %q", got.UserAgent)
			}
		})
	}
}

func TestWorkingDirectoryBeatsHome(t *testing.T) {
	home := isolate(t)
	writeConfig(t, filepath.Join(home, ".visor"), "visor_image: {access_key: home}")
	if o, err := (settings{}).resolve(); err != nil || o.AccessKey != "home" {
		t.Errorf("home: %+v, %v", o, err)
	}
	writeConfig(t, ".", "visor_image: {access_key: here}")
	if o, err := (settings{}).resolve(); err != nil || o.AccessKey != "here" {
		t.Errorf("both: %+v, %v", o, err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for _, row := range []struct {
		what  string
		flags settings
		port  string
		file  string
		want  string
		usage bool
	}{
		{"URL and host", settings{url: "http://a", host: "b"}, "", "", "--host", true},
		{"URL and port", settings{url: "http://a", port: 1}, "", "", "--port", true},
		{"port is a word", settings{}, "many", "", "VISOR_PORT", false},
		{"port too large", settings{}, "65536", "", "VISOR_PORT", false},
		{"port negative", settings{}, "-1", "", "VISOR_PORT", false},
		{"file without section", settings{}, "", "visor_meta: {}", "visor_image", false},
		{"file with a wrong port", settings{}, "", "visor_image: {bind_port: x, secret_key: s3cr3t}", visclient.ConfigFileName, false},
		{"file that is no YAML", settings{secretKey: "s3cr3t"}, "", "a: [", visclient.ConfigFileName, false},
	} {
		t.Run(row.what, func(t *testing.T) {
			isolate(t)
			t.Setenv("VISOR_PORT", row.port)
			if row.file != "" {
				writeConfig(t, ".", row.file)
			}
			_, err := row.flags.resolve()
			var usage usageError
			if err == nil || !strings.Contains(err.Error(), row.want) || errors.As(err, &usage) != row.usage || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%T %v; want %q in it, usage %t, no secret", err, err, row.want, row.usage)
			}
		})
	}
}

func TestMissingKeysAreAskedFor(t *testing.T) {
	if err := requireKeys(visclient.Options{AccessKey: "foo", SecretKey: "bar"}); err != nil {
		t.Error(err)
	}
	for want, o := range map[string]visclient.Options{
		"no access key":  {SecretKey: "s3cr3t"},
		"no secret key":  {AccessKey: "foo"},
		"no access key;": {},
	} {
		err := requireKeys(o)
		var usage usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%T %v, want %q", err, err, want)
			continue
		}
		for _, way := range []string{"VISOR_ACCESS_KEY", "VISOR_SECRET_KEY", "visor-config.yml", "--access-key", "--secret-key"} {
			if !strings.Contains(err.Error(), way) {
				t.Errorf("%v does not name %s", err, way)
			}
		}
	}
}

func TestDataGoWhereAUsersDataGo(t *testing.T) {
	home := isolate(t)
	if got, want := defaultDataDir(), filepath.Join(home, ".local/share/visorfs"); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	t.Setenv("XDG_DATA_HOME", "/data")
	if got := defaultDataDir(); got != "/data/visorfs" {
		t.Errorf("with XDG_DATA_HOME %s", got)
	}
}
