package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func usersFile(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "users.yml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, mode); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestUsersFile(t *testing.T) {
	for text, want := range map[string]map[string]string{
		"foo: bar\n":                         {"foo": "bar"},
		"foo: bar\nalice: wonder":            {"foo": "bar", "alice": "wonder"},
		"# ours\n---\nfoo: 'b: #r'\n":        {"foo": "b: #r"},
		"{foo: bar, Al_1: \"w\\u00e9\"}":     {"foo": "bar", "Al_1": "wé"},
		"1234: 0123\ntrue: no\n1e3: 1e3\n":   {"1234": "0123", "true": "no", "1e3": "1e3"},
		"foo: 2026-11-24\nbar: b64+/==\n...": {"foo": "2026-11-24", "bar": "b64+/=="},
	} {
		for _, mode := range []os.FileMode{0o600, 0o400} {
			got, err := readUsers(usersFile(t, text, mode))
			if err != nil || !maps.Equal(got, want) {
				t.Errorf("%q: %v, %v", text, got, err)
			}
		}
	}
}

func TestUsersFileThatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "no users in it",
		"# nobody\n":                          "no users in it",
		"{}":                                  "no users in it",
		"s3cr3t":                              "line 1",
		"- foo: s3cr3t":                       "line 1",
		"foo: bar\nfoo: s3cr3t":               "line 2: access key \"foo\": it is there twice",
		"foo: bar\n'': s3cr3t":                "line 2: an empty access key",
		"~: s3cr3t":                           "an empty access key",
		"foo:":                                "access key \"foo\": its secret key is empty",
		"foo: ''":                             "its secret key is empty",
		"foo: null":                           "its secret key is empty",
		"foo: [s3cr3t]":                       "not lines of",
		"foo: {bar: s3cr3t}":                  "not lines of",
		"? [foo]\n: s3cr3t":                   "not lines of",
		"foo: *s3cr3t":                        "not lines of",
		"a: &x y\nfoo: *x":                    "not lines of",
		"foo: s3cr3t: s3cr3t":                 "not lines of",
		"foo: bar\n  alice: s3cr3t":           "line 2",
		"foo: \"s3cr3t\\q\"":                  "not lines of",
		"foo: @s3cr3t":                        "not lines of",
		"foo: %s3cr3t":                        "not lines of",
		"foo: \"s3cr3t":                       "line",
		"foo: s3cr3t\n---\nbar: s3cr3t":       "more than one YAML document",
		"foo: bar\n--- }":                     "more than one YAML document",
		"a-b: s3cr3t":                         "access key \"a-b\": use letters, digits and _ only; VISOR's servers find no other key",
		"a b: s3cr3t":                         "use letters, digits and _ only",
		"a:b: s3cr3t":                         "use letters, digits and _ only",
		"é: s3cr3t":                           "use letters, digits and _ only",
		"<<: s3cr3t":                          "use letters, digits and _ only",
		"foo: s3cr3t\x00":                     "not lines of",
		"\xff\xfefoo: s3cr3t":                 "not lines of",
		"foo: " + strings.Repeat("[", 100000): "not lines of",
	} {
		name := usersFile(t, text, 0o600)
		got, err := readUsers(name)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%.40q: %v, %v, want %q", text, got, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%.40q: more than a line: %v", text, err)
		}
	}
	if _, err := readUsers(filepath.Join(t.TempDir(), "nosuch")); err == nil || !strings.Contains(err.Error(), "--users") {
		t.Errorf("missing file: %v", err)
	}
	if _, err := readUsers(t.TempDir()); err == nil {
		t.Error("a directory is taken")
	}
}

func TestUsersFileOfOthersIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o620, 0o604, 0o602, 0o644, 0o666} {
		name := usersFile(t, "foo: s3cr3t\n", mode)
		_, err := readUsers(name)
		if err == nil || !strings.Contains(err.Error(), "chmod 600 "+name) || !strings.Contains(err.Error(), fmt.Sprintf("%04o", mode)) {
			t.Errorf("mode %v: %v", mode, err)
		}
	}
}

func FuzzUsers(f *testing.F) {
	for _, text := range []string{"foo: bar\n", "{a: b}", "? a\n: b", "a: *b", "--- !!x\n", "a: |\n b\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		users, err := parseUsers(strings.NewReader(text))
		if err == nil && len(users) == 0 {
			t.Error("neither users nor an error")
		}
		for key, secret := range users {
			if key == "" || secret == "" {
				t.Errorf("%q: %q", key, secret)
			}
		}
	})
}
