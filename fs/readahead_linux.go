package fs

import (
	"os"
	"strconv"
)

// readaheadKiB is what the kernel is to read ahead of a sequential reader. With its own
// choice, 128, requests are small and two are under way.
const readaheadKiB = 4096

// raiseReadahead has the kernel read further ahead on a mount. Only root may.
func raiseReadahead(on *Entry) error {
	return os.WriteFile("/sys/class/bdi/"+on.device+"/read_ahead_kb", []byte(strconv.Itoa(readaheadKiB)), 0)
}
