package fs

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Users returns who uses a mount, as far as this user may know. A program that waits in
// close() for the end of an upload is not among them: its file is not open any more. The
// mounted filesystem is asked nothing.
func (e *Entry) Users() []User {
	var users []User
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		users = append(users, e.usersIn(process)...)
	}
	return append(users, e.loopDevices()...)
}

// usersIn returns what a process, named by its directory in /proc, has of the mount.
func (e *Entry) usersIn(process string) []User {
	name, err := os.ReadFile(process + "/comm")
	if err != nil {
		return nil
	}
	u := User{Program: strings.TrimSpace(string(name))}
	u.Process, _ = strconv.Atoi(filepath.Base(process))
	var users []User
	if dir, err := os.Readlink(process + "/cwd"); err == nil && e.holds(dir) {
		u.Path = dir
		users = append(users, u)
	}
	open, _ := os.ReadDir(process + "/fdinfo")
	for _, fd := range open {
		info := readStatusFile(process + "/fdinfo/" + fd.Name())
		if string(info["mnt_id"]) != strconv.Itoa(e.id) {
			continue
		}
		flags, _ := strconv.ParseInt(string(info["flags"]), 8, 64)
		u.Path, _ = os.Readlink(process + "/fd/" + fd.Name())
		u.Writing = flags&syscall.O_ACCMODE != syscall.O_RDONLY
		users = append(users, u)
	}
	return users
}

// loopDevices returns those whose file is in the mount: the kernel itself has that open.
func (e *Entry) loopDevices() []User {
	var users []User
	files, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	for _, file := range files {
		path, err := os.ReadFile(file)
		if path = bytes.TrimSpace(path); err == nil && e.holds(string(path)) {
			device := filepath.Base(filepath.Dir(filepath.Dir(file)))
			users = append(users, User{Program: device, Path: string(path), Writing: false})
		}
	}
	return users
}

func (e *Entry) holds(path string) bool {
	return path == e.Dir || strings.HasPrefix(path, e.Dir+"/")
}
