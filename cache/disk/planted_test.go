package disk

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// planted puts something in place of a file, which other, a file elsewhere, may be reached by.
var planted = map[string]func(path, other string) error{
	"link":        func(path, other string) error { return os.Symlink(other, path) },
	"second name": func(path, other string) error { return os.Link(other, path) },
	"pipe":        func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
	"directory":   func(path, _ string) error { return os.MkdirAll(filepath.Join(path, "full"), 0o700) },
}

// While the directory was somebody else's, too, anything may have been put there.
func TestPlantedFilesAreNeitherBelievedNorFollowed(t *testing.T) {
	for _, ext := range []string{dataExt, indexExt} {
		for name, plant := range planted {
			for when, whileOpen := range map[string]bool{"before": false, "while it is open": true} {
				t.Run(ext+" "+name+" "+when, func(t *testing.T) {
					dir := newDir(t)
					x, stem := prepare(t, dir)
					other := filepath.Join(t.TempDir(), "other")
					was, err := os.ReadFile(stem + ext)
					if err != nil {
						t.Fatal(err)
					}
					s := mustOpen(t, Options{Dir: dir})
					if !whileOpen {
						mustClose(t, s)
					}
					err = errors.Join(os.WriteFile(other, was, 0o600), os.Remove(stem+ext), plant(stem+ext, other))
					if err != nil {
						t.Fatal(err)
					}
					if !whileOpen {
						s = mustOpen(t, Options{Dir: dir})
					}
					o, err := s.Object("x", int64(len(x)))
					if err == nil {
						if f, release, ok := o.Backing(); ok {
							t.Errorf("%s is handed to the kernel", f.Name())
							release()
						}
						o.WriteAt(x, 0)
						o.Drop()
						o.Close()
					}
					mustClose(t, s)
					if now, err := os.ReadFile(other); string(now) != string(was) {
						t.Errorf("the other file has %d bytes that are not what it had, %v", len(now), err)
					}
				})
			}
		}
	}
}

func TestPlantedMarkerIsRefused(t *testing.T) {
	for name, plant := range planted {
		t.Run(name, func(t *testing.T) {
			dir, other := newDir(t), filepath.Join(t.TempDir(), "other")
			err := errors.Join(os.Mkdir(dir, 0o700), os.WriteFile(other, nil, 0o600), plant(filepath.Join(dir, markerName), other))
			if err != nil {
				t.Fatal(err)
			}
			refused(t, dir, markerName)
			if b, err := os.ReadFile(other); err != nil || len(b) > 0 {
				t.Errorf("the other file is %q, %v", b, err)
			}
		})
	}
}
