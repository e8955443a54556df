package owner

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const nobody = 65534

// tree makes directories and links in a new directory that is the user's alone. An entry is
// PATH, PATH:MODE or PATH>TARGET, and its owner is another user with a ! at the end.
func tree(t *testing.T, entries ...string) string {
	t.Helper()
	base := t.TempDir()
	for _, entry := range entries {
		entry, theirs := strings.CutSuffix(entry, "!")
		path, target, isLink := strings.Cut(entry, ">")
		path, mode, hasMode := strings.Cut(path, ":")
		path = filepath.Join(base, path)
		var err error
		switch {
		case isLink:
			err = os.Symlink(filepath.Join(base, target), path)
		case hasMode:
			err = errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, modes[mode]))
		default:
			err = os.Mkdir(path, 0o700)
		}
		if theirs {
			if os.Geteuid() != 0 {
				t.Skip("only root can give a directory away")
			}
			err = errors.Join(err, os.Lchown(path, nobody, nobody))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return base
}

var modes = map[string]os.FileMode{"770": 0o770, "777": 0o777, "1777": 0o777 | os.ModeSticky, "755": 0o755}

func TestDirectoryThatAnotherUserCouldChangeIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		entries []string
		dir     string
		refusal string // "" for none
	}{
		"own":                            {[]string{"a", "a/b"}, "a/b", ""},
		"readable by all":                {[]string{"a:755"}, "a", ""},
		"in a directory like /tmp":       {[]string{"tmp:1777", "tmp/a"}, "tmp/a", ""},
		"in one of its group":            {[]string{"home:770", "home/a"}, "home/a", ""},
		"below a link of its own":        {[]string{"a", "a/b", "link>a"}, "link/b", ""},
		"a link":                         {[]string{"a", "link>a"}, "link", "symbolic link"},
		"a link to nothing":              {[]string{"link>a"}, "link", "symbolic link"},
		"writable by its group":          {[]string{"a:770"}, "a", "chmod 700"},
		"like /tmp itself":               {[]string{"a:1777"}, "a", "chmod 700"},
		"of another":                     {[]string{"a!"}, "a", "another user; give a --x-dir"},
		"below one of another":           {[]string{"a!", "a/b"}, "a/b", "belongs to one; give a --x-dir"},
		"far below one of another":       {[]string{"a!", "a/b", "a/b/c"}, "a/b/c", "a belongs to one"},
		"below one that all may write":   {[]string{"a:777", "a/b"}, "a/b", "everybody may write to"},
		"below a link of another":        {[]string{"tmp:1777", "a", "a/b", "tmp/link>a!"}, "tmp/link/b", "link belongs to one"},
		"below a link to such a one":     {[]string{"a:777", "a/b", "link>a"}, "link/b", "everybody may write to"},
		"below a link to one of another": {[]string{"a!", "a/b", "a/b/c", "link>a/b"}, "link/c", "belongs to one"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := CheckDir(filepath.Join(tree(t, c.entries...), c.dir), "--x-dir")
			switch {
			case c.refusal == "" && err != nil:
				t.Error(err)
			case c.refusal != "" && (err == nil || !strings.Contains(err.Error(), c.refusal)):
				t.Errorf("%v, want %q", err, c.refusal)
			}
		})
	}
}

func TestFileThatAnotherUserCouldChangeIsNotOpened(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(path, other string) error{
		"link":        func(path, other string) error { return os.Symlink(other, path) },
		"second name": func(path, other string) error { return os.Link(other, path) },
		"pipe":        func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
		"directory":   func(path, _ string) error { return os.Mkdir(path, 0o700) },
		"another user's": func(path, _ string) error {
			return errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chown(path, nobody, nobody))
		},
	} {
		if name == "another user's" && os.Geteuid() != 0 {
			continue // only root can give a file away
		}
		for _, flag := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE | os.O_TRUNC} {
			dir := t.TempDir()
			path, other := filepath.Join(dir, "file"), filepath.Join(dir, "other")
			if err := errors.Join(os.WriteFile(other, []byte("mine"), 0o600), make(path, other)); err != nil {
				t.Fatal(err)
			}
			if f, err := Open(path, flag); err == nil {
				t.Errorf("%s, flags %x: it was opened", name, flag)
				_ = f.Close()
			}
			if b, err := os.ReadFile(other); string(b) != "mine" {
				t.Errorf("%s, flags %x: the other file is %q, %v", name, flag, b, err)
			}
		}
	}
}

func TestOwnFileIsOpenedMadeAndEmptied(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	for _, flag := range []int{os.O_RDWR | os.O_CREATE | os.O_TRUNC, os.O_RDWR, os.O_RDWR | os.O_TRUNC} {
		f, err := Open(path, flag)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if want := map[bool]int64{true: 0, false: 4}[flag&os.O_TRUNC != 0]; err != nil || info.Size() != want || info.Mode() != 0o600 {
			t.Errorf("flags %x: %v bytes, %v, %v", flag, info.Size(), info.Mode(), err)
		}
		if _, err := f.WriteString("data"); err != nil {
			t.Error(err)
		}
		_ = f.Close()
	}
}
