package fs

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// processOf returns the process that a thread belongs to, or 0 when it is unknown.
func processOf(tid int) int {
	n, _ := strconv.Atoi(string(readStatus(tid)["Tgid"]))
	return n
}

// endsBySignal reports whether a signal that usually ends programs waits for an
// interrupted thread or its process. Of a thread that cannot be looked at it is
// assumed.
func endsBySignal(tid int) bool {
	status := readStatus(tid)
	return status == nil || status.pending()&fatalSignals != 0
}

// dying reports whether a thread runs to its end because of a signal: the signal
// stays pending meanwhile. Of a thread that cannot be looked at it is not assumed.
func dying(tid int) bool {
	status := readStatus(tid)
	return status != nil && status.pending()&fatalSignals != 0
}

const fatalSignals = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGQUIT-1) |
	1<<(syscall.SIGKILL-1) | 1<<(syscall.SIGTERM-1)

// status is what /proc/TID/status says.
type status map[string][]byte

func readStatus(tid int) status {
	if tid == 0 {
		return nil
	}
	return readStatusFile(fmt.Sprintf("/proc/%d/status", tid))
}

// readStatusFile reads a file of lines "name: value", nil if that cannot be.
func readStatusFile(path string) status {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	s := make(status)
	for line := range bytes.Lines(text) {
		if name, value, ok := bytes.Cut(line, []byte(":")); ok {
			s[string(name)] = bytes.TrimSpace(value)
		}
	}
	return s
}

// pending is the set of signals that wait and are not blocked.
func (s status) pending() uint64 {
	return (s.signals("SigPnd") | s.signals("ShdPnd")) &^ s.signals("SigBlk")
}

func (s status) signals(field string) uint64 {
	set, _ := strconv.ParseUint(string(s[field]), 16, 64)
	return set
}
