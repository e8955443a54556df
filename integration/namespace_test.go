//go:build linux

package integration

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"
)

// emptyNamespace is a mount namespace in which there is none of the tests' mounts: its file in
// /proc. One that a test makes of it, and not of the tests' own, keeps no mount of another test
// in use.
var emptyNamespace string

// makeEmptyNamespace makes it, before there is any mount. It lasts until end.
func makeEmptyNamespace() (end func(), err error) {
	if os.Geteuid() != 0 {
		return func() {}, nil
	}
	const script = `awk '$2 ~ "/visorfs-mount-" || $3 ~ /^fuse/ { print $2 }' /proc/self/mounts | xargs -r umount -i -l; exec sleep infinity`
	cmd := exec.Command("unshare", "--mount", "sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	end = func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}
	emptyNamespace = "/proc/" + strconv.Itoa(cmd.Process.Pid) + "/ns/mnt"
	for range 1000 {
		ours, err := os.Readlink("/proc/self/ns/mnt")
		if theirs, err2 := os.Readlink(emptyNamespace); err == nil && err2 == nil && theirs != ours {
			return end, nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	end()
	return nil, fmt.Errorf("there is no new mount namespace at %s", emptyNamespace)
}
