package visclient_test

import (
	"errors"
	iofs "io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/visorfs/visorfs/visclient"
)

func TestConfigFileAsVISORWritesIt(t *testing.T) {
	const path = "testdata/visor-config.yml"
	got, err := visclient.ReadConfigFile(path)
	want := visclient.ConfigFile{Path: path, Host: "10.0.0.1", Port: 4568, AccessKey: "foo", SecretKey: "b:a r#", Store: "file"}
	if err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
}

// write makes a configuration file in a new directory.
func write(t testing.TB, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), visclient.ConfigFileName)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfigFileForms(t *testing.T) {
	for text, want := range map[string]visclient.ConfigFile{
		"visor_image: {}":                                                                           {},
		"visor_image:\n  bind_port: 1":                                                              {Port: 1},
		"visor_image: {access_key: 123, secret_key: 0123}":                                          {AccessKey: "123", SecretKey: "0123"},
		"visor_image: {access_key: yes, secret_key: 1e3}":                                           {AccessKey: "yes", SecretKey: "1e3"},
		"visor_image: {access_key: , secret_key: ''}":                                               {},
		"visor_image: {secret: bar, log_file: x}":                                                   {}, // no key of ours, and none that looks like one
		"a: &a {bind_port: 1, access_key: k}\nvisor_image:\n  <<: *a\n  bind_port: 2":               {Port: 2, AccessKey: "k"},
		"a: &a {access_key: a}\nb: &b {access_key: b, secret_key: s}\nvisor_image:\n  <<: [*a, *b]": {AccessKey: "a", SecretKey: "s"},
		"a: &a {bind_host: h}\nvisor_image: *a":                                                     {Host: "h"},
		"\ufeffvisor_image: {bind_host: h}":                                                         {Host: "h"},
		"---\nvisor_image: {bind_host: h}\r\n":                                                      {Host: "h"},
		"visor_image: {bind_host: h}\nvisor_store: {default: s3}":                                   {Host: "h", Store: "s3"},
		"visor_image: {bind_host: h}\nvisor_store:":                                                 {Host: "h"},
	} {
		want.Path = write(t, text)
		if got, err := visclient.ReadConfigFile(want.Path); err != nil || got != want {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func TestWrongConfigFileIsSaidToBe(t *testing.T) {
	const secret = "s3cr3t"
	for text, want := range map[string]string{
		"": "visor_image", "# nothing": "visor_image", "visor_imag: {bind_port: 1}": "visor_imag: is visor_image meant?",
		"visor_image:":                                                          "no section visor_image",
		"visor_image: word":                                                     "no section visor_image",
		"visor_image: [1]":                                                      "no section visor_image",
		"visor_image: {bind_port: many}":                                        "many",
		"visor_image: {bind_port: 65536}":                                       "65536",
		"visor_image: {bind_port: -1}":                                          "-1",
		"visor_image: {bind_port: 1.5}":                                         "1.5",
		"visor_image: {access_key: [a]}":                                        "cannot",
		"visor_image: {bind_port: 1}\nvisor_store: s3":                          "s3",
		"visor_image: {acess_key: foo, secret_key: bar}":                        "acess_key: is access_key meant?",
		"visor_image: {Bind_Port: 1}":                                           "Bind_Port: is bind_port meant?",
		"visor_image:\n\tbind_port: 1":                                          "line",
		"visor_image: {bind_port: 1":                                            "line",
		"visor_image:\n  <<: *default":                                          "default",
		"visor_image: {secret_key: " + secret + ", bind_port: x}":               "x",
		"visor_image: {secret_key: " + secret + ", bind_port: 1, bind_port: 2}": "already",
		"visor_image: {secret_key: [" + secret + "]}":                           "cannot",
		"visor_image: {secret_key: *" + secret + "}":                            "in quotes",
		"\x00": "control", "\xff\xfe": "",
	} {
		path := write(t, text)
		_, err := visclient.ReadConfigFile(path)
		switch {
		case err == nil:
			t.Errorf("%q is accepted", text)
		case !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), want):
			t.Errorf("%q: %v; want the path and %q in it", text, err, want)
		case strings.Contains(err.Error(), secret):
			t.Errorf("%q: the secret is in the error %v", text, err)
		}
	}
}

func TestMissingConfigFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yml")
	if _, err := visclient.ReadConfigFile(path); !errors.Is(err, iofs.ErrNotExist) {
		t.Errorf("read: %v", err)
	}
	got, err := visclient.FindConfigFile(t.TempDir(), filepath.Join(path, "deeper"))
	if err != nil || got != (visclient.ConfigFile{}) {
		t.Errorf("find: %+v, %v; having none is no error", got, err)
	}
	if got, err := visclient.FindConfigFile(); err != nil || got != (visclient.ConfigFile{}) {
		t.Errorf("find nowhere: %+v, %v", got, err)
	}
}

func TestFirstConfigFileCounts(t *testing.T) {
	none := t.TempDir()
	a := filepath.Dir(write(t, "visor_image: {bind_host: a}"))
	b := filepath.Dir(write(t, "visor_image: {access_key: b}"))
	bad := filepath.Dir(write(t, "visor_image: ["))
	for want, dirs := range map[string][]string{
		"a": {none, a, b, bad}, "": {none, b, a},
	} {
		got, err := visclient.FindConfigFile(dirs...)
		if err != nil || got.Host != want || want == "a" && got.AccessKey != "" || got.Path != filepath.Join(dirs[1], visclient.ConfigFileName) {
			t.Errorf("%v: %+v, %v", dirs, got, err)
		}
	}
	if _, err := visclient.FindConfigFile(none, bad, a); err == nil || !strings.Contains(err.Error(), bad) {
		t.Errorf("a broken file is passed over: %v", err)
	}
}
