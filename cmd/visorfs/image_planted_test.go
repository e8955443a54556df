package main

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// A download may go to a directory like /tmp, where others make files, too.
func TestGetWritesNothingIntoFilesThatOthersPlanted(t *testing.T) {
	for _, suffix := range []string{partSuffix, versionSuffix} {
		for name, plant := range map[string]func(path string) error{
			"link":        func(path string) error { return os.Symlink("precious", path) },
			"second name": func(path string) error { return os.Link("precious", path) },
			"pipe":        func(path string) error { return syscall.Mkfifo(path, 0o600) },
			"another user's": func(path string) error {
				return errors.Join(os.WriteFile(path, nil, 0o666), os.Chown(path, 65534, 65534))
			},
		} {
			t.Run(suffix+" "+name, func(t *testing.T) {
				if name == "another user's" && os.Geteuid() != 0 {
					t.Skip("only root can give a file away")
				}
				r := newRepository(t)
				r.add("a.iso", "data")
				writeFile(t, "precious", "precious")
				if err := plant("a.iso" + suffix); err != nil {
					t.Fatal(err)
				}
				if suffix == partSuffix {
					r.refuses(exitFailure, "a.iso.part", "get", "a.iso")
				} else {
					r.ok("get", "a.iso")
					wantFile(t, "a.iso", "data")
				}
				wantFile(t, "precious", "precious")
			})
		}
	}
}

func TestDirectoryOfTheDaemonsLogIsNobodyElses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give a directory away")
	}
	state := t.TempDir()
	t.Setenv("XDG_STATE_HOME", state)
	for _, owner := range []int{0, 65534} {
		dir := filepath.Join(state, "visorfs")
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chown(dir, owner, owner)); err != nil {
			t.Fatal(err)
		}
		log, err := openDaemonLog("/mnt")
		if (err == nil) != (owner == 0) {
			t.Errorf("owned by %d: %v", owner, err)
		}
		if err == nil {
			_ = log.Close()
		}
	}
}
