package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// browse does to each file below a directory what file managers do: stat, the names of
// its extended attributes, and one that a file manager keeps.
func browse(args []string) error {
	if err := arguments(args, 1); err != nil {
		return err
	}
	files := 0
	err := filepath.WalkDir(args[0], func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		files++
		return lookAt(path)
	})
	fmt.Println(files)
	return err
}

func lookAt(path string) error {
	var stat unix.Stat_t
	if err := unix.Lstat(path, &stat); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	if _, err := unix.Llistxattr(path, buf); err != nil {
		return err
	}
	if _, err := unix.Lgetxattr(path, "user.xdg.tags", buf); err != nil && !errors.Is(err, unix.ENODATA) {
		return err
	}
	return nil
}
