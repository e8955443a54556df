package main

import (
	"cmp"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

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

// settingsOf are those of a command line of a command that asks a server.
func settingsOf(t *testing.T, args ...string) *settings {
	t.Helper()
	s := new(settings)
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	s.addServer(flags)
	s.addKeys(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFlagsBeatEnvironmentBeatsFileBeatsDefault(t *testing.T) {
	const visor = "visor_image: {bind_host: file, bind_port: 1, access_key: file-key, secret_key: file-secret}\nvisor_store: {default: s3}\n"
	const ours = visor + "visorfs: {host: our-file, access-key: our-key, timeout: 7s}\n"
	env := map[string]string{"VISOR_HOST": "env", "VISOR_PORT": "2", "VISOR_ACCESS_KEY": "env-key", "VISOR_SECRET_KEY": "env-secret"}
	flags := "--host=flag --port=3 --access-key=flag-key --secret-key=flag-secret --timeout=1m"
	fileSays := visclient.Options{Host: "file", Port: 1, AccessKey: "file-key", SecretKey: "file-secret", Store: "s3"}
	flagsSay := visclient.Options{Host: "flag", Port: 3, AccessKey: "flag-key", SecretKey: "flag-secret", Timeout: time.Minute}
	inS3 := func(o visclient.Options) visclient.Options { o.Store = "s3"; return o }
	for _, row := range []struct {
		what  string
		flags string
		env   map[string]string
		file  string
		want  visclient.Options
	}{
		{"nothing", "", nil, "", visclient.Options{}},
		{"file", "", nil, visor, fileSays},
		{"our section over VISOR's", "", nil, ours,
			visclient.Options{Host: "our-file", Port: 1, AccessKey: "our-key", SecretKey: "file-secret", Store: "s3", Timeout: 7 * time.Second}},
		{"our section alone", "", nil, "visorfs: {port: 5}", visclient.Options{Port: 5}},
		{"environment over our section", "", map[string]string{"VISOR_HOST": "env", "VISORFS_TIMEOUT": "8s"}, ours,
			visclient.Options{Host: "env", Port: 1, AccessKey: "our-key", SecretKey: "file-secret", Store: "s3", Timeout: 8 * time.Second}},
		{"environment", "", env, visor, visclient.Options{Host: "env", Port: 2, AccessKey: "env-key", SecretKey: "env-secret", Store: "s3"}},
		{"flags", flags, env, visor, inS3(flagsSay)},
		{"flags and file", flags, nil, ours, inS3(flagsSay)},
		{"one of each", "--host=flag", map[string]string{"VISOR_PORT": "2"}, visor,
			visclient.Options{Host: "flag", Port: 2, AccessKey: "file-key", SecretKey: "file-secret", Store: "s3"}},
		{"environment alone", "", env, "", visclient.Options{Host: "env", Port: 2, AccessKey: "env-key", SecretKey: "env-secret"}},
		{"URL", "--url=http://flag:9", env, visor,
			visclient.Options{URL: "http://flag:9", AccessKey: "env-key", SecretKey: "env-secret", Store: "s3"}},
		{"URL and a port that does not count", "--url=http://flag:9", map[string]string{"VISOR_PORT": "many"}, "", visclient.Options{URL: "http://flag:9"}},
		{"a port that does not count", "--port=3", map[string]string{"VISOR_PORT": "many"}, "", visclient.Options{Port: 3}},
		{"a host over a URL that counts less", "--host=flag", map[string]string{"VISORFS_URL": "http://env:9"}, "", visclient.Options{Host: "flag"}},
		{"a URL beside VISOR's own variables", "", map[string]string{"VISORFS_URL": "http://env:9", "VISOR_HOST": "env"}, "", visclient.Options{URL: "http://env:9"}},
	} {
		t.Run(row.what, func(t *testing.T) {
			isolate(t)
			for name, value := range row.env {
				t.Setenv(name, value)
			}
			if row.file != "" {
				writeConfig(t, ".", row.file)
			}
			s := settingsOf(t, strings.Fields(row.flags)...)
			got, err := s.resolve()
			row.want.UserAgent = got.UserAgent
			row.want.Timeout = cmp.Or(row.want.Timeout, 30*time.Second)
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
	s := settingsOf(t)
	if o, err := s.resolve(); err != nil || o.AccessKey != "home" {
		t.Errorf("home: %+v, %v", o, err)
	}
	writeConfig(t, ".", "visor_image: {access_key: here}")
	s = settingsOf(t)
	if o, err := s.resolve(); err != nil || o.AccessKey != "here" {
		t.Errorf("both: %+v, %v", o, err)
	}
}

func TestNamedFileBeatsThoseOfTheDirectories(t *testing.T) {
	isolate(t)
	writeConfig(t, ".", "visor_image: {access_key: here}")
	for _, dir := range []string{"flag", "env"} {
		writeConfig(t, dir, "visor_image: {access_key: "+dir+"}")
	}
	t.Setenv("VISORFS_CONFIG", filepath.Join("env", visclient.ConfigFileName))
	s := settingsOf(t)
	if o, err := s.resolve(); err != nil || o.AccessKey != "env" {
		t.Errorf("variable: %+v, %v", o, err)
	}
	s = settingsOf(t, "--config", filepath.Join("flag", visclient.ConfigFileName))
	if o, err := s.resolve(); err != nil || o.AccessKey != "flag" {
		t.Errorf("flag: %+v, %v", o, err)
	}
}

func TestWrongSettingsAreNamed(t *testing.T) {
	for _, row := range []struct {
		what  string
		flags string
		env   string
		file  string
		want  string
		usage bool
	}{
		{"URL and host", "--url=http://a --host=b", "", "", "--url and --host", true},
		{"URL and port", "--url=http://a --port=1", "", "", "--url and --port", true},
		{"both keys", "--secret-key=s3cr3t --secret-key-file=b", "", "", "--secret-key-file and --secret-key", true},
		{"URL and host in the file", "", "", "visorfs: {url: http://a, host: b}", "visor-config.yml:1: host", false},
		{"port is a word", "", "VISOR_PORT=many", "", "VISOR_PORT", false},
		{"port too large", "", "VISOR_PORT=65536", "", "VISOR_PORT", false},
		{"port negative", "", "VISOR_PORT=-1", "", "VISOR_PORT", false},
		{"nearly a variable", "", "VISORFS_METADATA_TLL=1s", "", "is VISORFS_METADATA_TTL meant?", false},
		{"file without section", "", "", "visor_meta: {}", "no section visor_image", false},
		{"file with a wrong port", "", "", "visor_image: {bind_port: x, secret_key: s3cr3t}", visclient.ConfigFileName, false},
		{"file that is no YAML", "--secret-key=s3cr3t", "", "a: [", visclient.ConfigFileName, false},
		{"secret that is an anchor", "", "", "visor_image: {secret_key: *s3cr3t}", "in quotes", false},
		{"unknown key", "", "", "visor_image: {}\nvisorfs:\n  metadata_ttl: 1s", "visor-config.yml:3: visorfs: there is no setting \"metadata_ttl\", is metadata-ttl meant?", false},
		{"wrong value", "", "", "visorfs:\n  timeout: 5", "visor-config.yml:2: timeout: \"5\" is not a time", false},
		{"list of secrets", "", "", "visorfs:\n  secret-key: {s3cr3t: x}", "visor-config.yml:2: secret-key: one value", false},
		{"nearly our section", "", "", "visor_fs: {}\nvisor_image: {}", "is visorfs meant?", false},
	} {
		t.Run(row.what, func(t *testing.T) {
			isolate(t)
			if name, value, ok := strings.Cut(row.env, "="); ok {
				t.Setenv(name, value)
			}
			if row.file != "" {
				writeConfig(t, ".", row.file)
			}
			s := settingsOf(t, strings.Fields(row.flags)...)
			_, err := s.resolve()
			var usage usageError
			if err == nil || !strings.Contains(err.Error(), row.want) || errors.As(err, &usage) != row.usage || strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("%T %v; want %q in it, usage %t, no secret", err, err, row.want, row.usage)
			}
		})
	}
}

func TestSectionsMayBeMerged(t *testing.T) {
	isolate(t)
	writeConfig(t, ".", "default: &d\n  access_key: a\n  timeout: 9s\nvisor_image: {<<: *d}\nvisorfs:\n  <<: *d\n  port: 7\n")
	s := settingsOf(t)
	o, err := s.resolve()
	if err != nil || o.Timeout != 9*time.Second || o.Port != 7 || o.AccessKey != "a" {
		t.Errorf("%+v, %v", o, err)
	}
	if got := s.origins["timeout"].where; got != visclient.ConfigFileName+":3" {
		t.Errorf("the timeout comes from %s", got)
	}
}

func TestSecretKeyFileGivesItsFirstLine(t *testing.T) {
	isolate(t)
	for text, want := range map[string]string{"bar\n": "bar", "bar": "bar", "b:a r#\r\nmore\n": "b:a r#"} {
		if err := os.WriteFile("key", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s := settingsOf(t, "--secret-key-file", "key")
		if o, err := s.resolve(); err != nil || o.SecretKey != want {
			t.Errorf("%q: %q, %v", text, o.SecretKey, err)
		}
	}
}

func TestFileOfVISORThatOthersCanReadIsWarnedOf(t *testing.T) {
	isolate(t)
	writeConfig(t, ".", "visor_image: {secret_key: s3cr3t}")
	for mode, want := range map[os.FileMode]int{0o600: 0, 0o400: 0, 0o644: 1, 0o640: 1} {
		if err := os.Chmod(visclient.ConfigFileName, mode); err != nil {
			t.Fatal(err)
		}
		s := settingsOf(t)
		if err := s.load(); err != nil || len(s.warnings) != want {
			t.Errorf("mode %04o: %q, %v", mode, s.warnings, err)
		}
		s = settingsOf(t, "--secret-key=other")
		if err := s.load(); err != nil || len(s.warnings) != 0 {
			t.Errorf("mode %04o, and the key is not taken: %q, %v", mode, s.warnings, err)
		}
	}
}

func FuzzSettingsFile(f *testing.F) {
	for _, text := range []string{"visorfs: {memory: 1GiB}", "visorfs:\n  options: [ro, rw]", "a: &a {x: y}\nvisorfs: {<<: [*a, *a]}", "visorfs: [", "a: &a {<<: *a}\nvisorfs: *a"} {
		f.Add(text)
	}
	names := settingNames()
	f.Fuzz(func(t *testing.T, text string) {
		file := settingsFile{path: "x"}
		if file.parse([]byte(text)) != nil {
			return
		}
		values, err := file.settings(names)
		for name, value := range values {
			if err == nil && value.text == "" {
				t.Errorf("%s has no value", name)
			}
		}
	})
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
