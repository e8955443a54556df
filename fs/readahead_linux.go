package fs

import (
	"fmt"
	"os"
	"strconv"

	"github.com/moby/sys/mountinfo"
)

// readaheadKiB is what the kernel is to read ahead of a sequential reader. With its own
// choice, 128, requests are small and two are under way.
const readaheadKiB = 4096

// raiseReadahead has the kernel read further ahead on the mount at dir, an absolute path
// without symbolic links. Only root may. It doesn't touch the mountpoint itself.
func raiseReadahead(dir string) error {
	mounts, err := mountinfo.GetMounts(mountinfo.SingleEntryFilter(dir))
	if err != nil {
		return err
	}
	if len(mounts) == 0 {
		return fmt.Errorf("%s is not among the mounts", dir)
	}
	top := mounts[len(mounts)-1]
	file := fmt.Sprintf("/sys/class/bdi/%d:%d/read_ahead_kb", top.Major, top.Minor)
	return os.WriteFile(file, []byte(strconv.Itoa(readaheadKiB)), 0)
}
