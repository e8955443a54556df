package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/visorfs/visorfs/visclient"
)

// shown runs visorfs config, and returns its rows by name.
func shown(t *testing.T, args ...string) map[string]setting {
	t.Helper()
	root := newRoot()
	var out strings.Builder
	root.SetOut(&out)
	root.SetErr(&out)
	root.SetArgs(append([]string{"config", "--json"}, args...))
	if err := root.Execute(); err != nil {
		t.Fatal(err)
	}
	var list []setting
	if err := json.Unmarshal([]byte(out.String()), &list); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	rows := make(map[string]setting)
	for _, row := range list {
		rows[row.Name] = row
	}
	return rows
}

// example is a value of a flag that is not its default.
func example(t *testing.T, f *pflag.Flag) string {
	t.Helper()
	switch f.Name {
	case "url":
		return "http://example.org:1"
	case "verify":
		return "always"
	case "architecture":
		return "i386"
	case "log-format":
		return "json"
	case "log-level":
		return "warn"
	case "options":
		return "noexec,default_permissions"
	case "ca-file", "secret-key-file":
		return "" // they have to be there
	}
	switch f.Value.Type() {
	case "SIZE":
		return "77 MiB"
	case "duration":
		return "1m17s"
	case "int":
		return "7"
	case "bool":
		return "true"
	case "ID":
		return "12"
	case "OCTAL":
		return "027"
	}
	return "some-" + f.Name
}

func TestEverySettingComesFromFlagVariableAndFile(t *testing.T) {
	isolate(t)
	tried := 0
	newMount().Flags().VisitAll(func(f *pflag.Flag) {
		value := example(t, f)
		if slices.Contains(notSettings, f.Name) || value == "" {
			return
		}
		tried++
		want := value
		if f.Name == "secret-key" {
			want = hidden
		}
		check := func(row setting, source, where string) {
			t.Helper()
			if row.Value != want || row.Source != source || row.Where != where {
				t.Errorf("%s: %+v, want %q from %s %s", f.Name, row, want, source, where)
			}
		}
		check(shown(t, "--"+f.Name+"="+value)[f.Name], "flag", "--"+f.Name)

		name := variable(f.Name)
		t.Setenv(name, value)
		check(shown(t)[f.Name], "environment", name)
		t.Setenv(name, "")

		writeConfig(t, ".", fmt.Sprintf("# ours\nvisorfs:\n  %s: %q\n", f.Name, value))
		check(shown(t)[f.Name], "file", visclient.ConfigFileName+":3")
		if err := os.Remove(visclient.ConfigFileName); err != nil {
			t.Fatal(err)
		}
		if row := shown(t)[f.Name]; row.Source != "default" {
			t.Errorf("%s: %+v, and nobody gave it", f.Name, row)
		}
	})
	if tried < 20 {
		t.Errorf("only %d settings were tried", tried)
	}
}

func TestConfigShowsWhatCountsAndWhatDoesNot(t *testing.T) {
	isolate(t)
	if err := os.WriteFile("key", []byte("s3cr3t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	writeConfig(t, ".", "default: &d\n  access_key: foo\n  secret_key: s3cr3t\nvisor_image:\n  <<: *d\n  bind_host: vis\nvisorfs:\n  options: [noexec, ro, \"cache_dir=/a\\\\,b\", memory=2GiB]\n")
	rows := shown(t, "--secret-key-file", "key", "--memory", "1GiB")
	for name, want := range map[string]setting{
		"access-key":      {"access-key", "foo", "file", "visor-config.yml:2", ""},
		"host":            {"host", "vis", "file", "visor-config.yml:6", ""},
		"port":            {"port", "4568", "default", "", ""},
		"options":         {"options", "noexec", "file", "visor-config.yml:8", ""},
		"read-only":       {"read-only", "true", "file", "visor-config.yml:8: options", ""},
		"cache-dir":       {"cache-dir", "/a,b", "file", "visor-config.yml:8: options", ""},
		"memory":          {"memory", "1.0 GiB", "flag", "--memory", ""},
		"secret-key":      {"secret-key", "", "file", "visor-config.yml:3", "--secret-key-file"},
		"secret-key-file": {"secret-key-file", "key", "flag", "--secret-key-file", ""},
	} {
		if rows[name] != want {
			t.Errorf("%+v, want %+v", rows[name], want)
		}
	}
	root := newRoot()
	var out strings.Builder
	root.SetOut(&out)
	root.SetArgs([]string{"config"})
	if err := root.Execute(); err != nil || !strings.Contains(out.String(), hidden+"  visor-config.yml:3\n") || strings.Contains(out.String(), "s3cr3t") {
		t.Errorf("%v: %s", err, out.String())
	}
}

func TestWordsOfOptionsCountWhereTheyAre(t *testing.T) {
	isolate(t)
	writeConfig(t, ".", "visorfs:\n  umask: 011\n  streams: 2\n  options: [umask=022, uid=1, gid=1, noexec]\n")
	t.Setenv("VISORFS_OPTIONS", "uid=2,gid=2,_netdev")
	t.Setenv("VISORFS_STREAMS", "3")
	rows := shown(t, "-o", "gid=3,secret_key=s3cr3t", "--gid", "4")
	for name, want := range map[string]setting{
		"umask":      {"umask", "022", "file", "visor-config.yml:4: options", ""},
		"streams":    {"streams", "3", "environment", "VISORFS_STREAMS", ""},
		"uid":        {"uid", "2", "environment", "VISORFS_OPTIONS: uid", ""},
		"gid":        {"gid", "3", "flag", "--gid", ""},
		"options":    {"options", "noexec", "file", "visor-config.yml:4", ""},
		"secret-key": {"secret-key", hidden, "flag", "--secret-key", ""},
	} {
		if rows[name] != want {
			t.Errorf("%+v, want %+v", rows[name], want)
		}
	}
}

func TestHiddenSecretsLookTheSame(t *testing.T) {
	isolate(t)
	short, long := shown(t, "--secret-key=s"), shown(t, "--secret-key="+strings.Repeat("long", 100))
	if short["secret-key"] != long["secret-key"] {
		t.Errorf("%+v and %+v", short["secret-key"], long["secret-key"])
	}
}

func TestPathBelowALinkIsInsideWhatItLeadsTo(t *testing.T) {
	dir := t.TempDir()
	inside, link := filepath.Join(dir, "mount"), filepath.Join(dir, "link")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(inside, link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		filepath.Join(link, "log"): true, filepath.Join(link, "none", "log"): true, filepath.Join(inside, "log"): true,
		filepath.Join(dir, "log"): false, inside + "-too/log": false,
	} {
		if got, err := isInside(path, inside); err != nil || got != want {
			t.Errorf("%s: %t, %v", path, got, err)
		}
	}
}
