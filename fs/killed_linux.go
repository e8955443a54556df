package fs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// IsKilled reports whether the program behind a mount was killed and cannot end: it was
// telling the kernel of a change in a directory, which waits for a request in that one, which
// waits for the program. Whoever touches the mount waits with them, until [Entry.Free]. The
// mounted filesystem is asked nothing. Linux 6.18 tells; older kernels may not.
func (e *Entry) IsKilled() bool { return e.killedProcess() != "" }

// killedProcess returns the directory in /proc of such a program, "" for none.
func (e *Entry) killedProcess() string {
	_, connection, _ := strings.Cut(e.device, ":")
	processes, _ := filepath.Glob("/proc/[0-9]*")
	for _, process := range processes {
		if wasKilled(process) && serves(process, connection) {
			return process
		}
	}
	return ""
}

// wasKilled reports whether a process, named by its directory in /proc, is only there because
// a thread of it still waits.
func wasKilled(process string) bool {
	s := readStatusFile(process + "/status")
	const kill = 1 << (syscall.SIGKILL - 1)
	return strings.HasPrefix(string(s["State"]), "Z") || s.pending()&kill != 0
}

// serves reports whether a process has the device of a FUSE connection open. Of a zombie only
// the threads that are left tell.
func serves(process, connection string) bool {
	files, _ := filepath.Glob(process + "/task/*/fdinfo/*")
	for _, file := range files {
		if string(readStatusFile(file)["fuse_connection"]) == connection {
			return true
		}
	}
	return false
}

// hasEnded reports whether nothing is left of a process but what its parent has to hear of:
// its files are closed, and locks on them gone.
func hasEnded(process string) bool {
	threads, _ := filepath.Glob(process + "/task/*")
	for _, thread := range threads {
		state := string(readStatusFile(thread + "/status")["State"])
		if state != "" && !strings.HasPrefix(state, "Z") && !strings.HasPrefix(state, "X") {
			return false
		}
	}
	return true
}

// Free ends a mount whose program was killed: whoever waits for it gets an error. It waits for
// the end of the program, which holds other things as well, but no longer than some seconds.
func (e *Entry) Free() error {
	const patience, pause = 5 * time.Second, 10 * time.Millisecond
	process := e.killedProcess()
	gone, err := e.abort()
	if err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); process != "" && !hasEnded(process) && time.Now().Before(deadline); {
		time.Sleep(pause)
	}
	if gone {
		return nil
	}
	return Unmount(e.Dir, true)
}

// abort has the kernel answer all requests with an error. The mount is gone then if nobody
// uses it.
func (e *Entry) abort() (gone bool, err error) {
	err = unix.Unmount(e.Dir, unix.UMOUNT_NOFOLLOW|unix.MNT_FORCE)
	switch {
	case errors.Is(err, unix.EBUSY):
		return false, nil
	case errors.Is(err, unix.EPERM): // a user's, whose this file is
		_, connection, _ := strings.Cut(e.device, ":")
		return false, os.WriteFile("/sys/fs/fuse/connections/"+connection+"/abort", []byte("1"), 0)
	}
	return err == nil, err
}
