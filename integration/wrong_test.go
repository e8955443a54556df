//go:build linux

package integration

import (
	iofs "io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// hush is the secret key of all wrong invocations; no message may have it.
const hush = "hush-hush-hush"

// wrong is an invocation that has to be refused with one line, and to leave nothing.
type wrong struct {
	name string
	args string            // words
	env  string            // variables, in place of the keys in VISOR_ACCESS_KEY and VISOR_SECRET_KEY
	file map[string]string // path in the working directory, with ":0644" if not mode 0600: text
	dirs string            // directories made there, likewise, if not mode 0700
	as   string            // see wrappers; "" for the tests' own user
	code int
	says []string // what is wrong, and what to do
}

// wrappers run a program with other rights, or on another machine as it were.
var wrappers = map[string][]string{
	"nobody":    {"setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"},
	"no device": {"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /dev && exec "$@"`, "sh"},
}

// scene is where a wrong invocation takes place.
type scene struct {
	dir   string // working directory, home, and where temporary files go
	mount string // a mountpoint
}

// refuseAll runs a table of wrong invocations. In their words, names that begin
// with $ stand for what the test has prepared; $DIR is the working directory, which is empty
// but for what the row puts there, and $MNT an empty directory.
func refuseAll(t *testing.T, table []wrong, names ...string) {
	t.Helper()
	for _, w := range table {
		t.Run(w.name, func(t *testing.T) {
			if w.as != "" {
				needRoot(t)
			}
			s := scene{newMountpoint(t), newMountpoint(t)}
			t.Cleanup(func() { _ = os.RemoveAll(s.dir) })
			put := strings.NewReplacer(append(names, "$DIR", s.dir, "$MNT", s.mount)...)
			s.furnish(t, w, put)
			before := s.contents(t)
			r := s.invoke(t, w, put)
			s.wantRefused(t, r, w, put)
			if after := s.contents(t); !maps.Equal(before, after) {
				t.Errorf("there was %v, now there is %v", before, after)
			}
		})
	}
}

// furnish makes the files and directories of a row.
func (s scene) furnish(t *testing.T, w wrong, put *strings.Replacer) {
	t.Helper()
	for _, name := range strings.Fields(w.dirs) {
		name, mode := splitMode(t, put.Replace(name), 0o700)
		if err := os.MkdirAll(filepath.Join(s.dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Join(s.dir, name), mode); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range w.file {
		name, mode := splitMode(t, name, 0o600)
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(put.Replace(text)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
}

// splitMode reads "name:mode".
func splitMode(t *testing.T, name string, mode os.FileMode) (string, os.FileMode) {
	t.Helper()
	name, octal, given := strings.Cut(name, ":")
	if !given {
		return name, mode
	}
	mode = 0
	for _, digit := range octal {
		mode = mode<<3 | os.FileMode(digit-'0')
	}
	return name, mode
}

func (s scene) invoke(t *testing.T, w wrong, put *strings.Replacer) result {
	t.Helper()
	l := launch{dir: s.dir, env: []string{"VISOR_ACCESS_KEY=foo", "VISOR_SECRET_KEY=" + hush}}
	if w.env != "" {
		l.env = strings.Fields(put.Replace(w.env))
	}
	args := strings.Fields(put.Replace(w.args))
	if wrapper := wrappers[w.as]; wrapper != nil {
		l.binary = wrapper[0]
		args = slices.Concat(wrapper[1:], []string{visorfs}, args)
	}
	return invoke(t, l, args...)
}

func (s scene) wantRefused(t *testing.T, r result, w wrong, put *strings.Replacer) {
	t.Helper()
	var says []string
	for _, word := range w.says {
		says = append(says, put.Replace(word))
	}
	wantRefusal(t, r, w.code, says...)
	if !strings.HasPrefix(r.stderr, "visorfs: ") || strings.Count(r.stderr, "\n") != 1 {
		t.Errorf("not one line: %q", r.stderr)
	}
	if strings.Contains(r.stderr, hush) {
		t.Errorf("the secret key is in the message: %s", r.stderr)
	}
	if isMounted(t, s.mount) {
		t.Error("it is mounted")
	}
	if pids := s.processes(); pids != nil {
		t.Errorf("these processes are left: %v", pids)
	}
	t.Log(r.stderr)
}

// contents lists what is in the working directory, locks and sockets included.
func (s scene) contents(t *testing.T) map[string]iofs.FileMode {
	t.Helper()
	found := make(map[string]iofs.FileMode)
	err := filepath.WalkDir(s.dir, func(path string, entry iofs.DirEntry, err error) error {
		if err == nil {
			found[strings.TrimPrefix(path, s.dir)] = entry.Type()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// processes are those that have the working directory.
func (s scene) processes() (left []string) {
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		if dir, err := os.Readlink(link); err == nil && strings.HasPrefix(dir, s.dir) {
			left = append(left, link)
		}
	}
	return left
}
