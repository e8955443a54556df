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
	n, _ := strconv.Atoi(statusField(tid, "Tgid"))
	return n
}

// killed reports whether a signal that ends a process waits for a thread or for its
// process: a thread that a signal kills keeps it pending while it exits.
func killed(tid int) bool {
	const fatal = 1<<(syscall.SIGHUP-1) | 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGQUIT-1) |
		1<<(syscall.SIGKILL-1) | 1<<(syscall.SIGTERM-1)
	for _, field := range []string{"SigPnd", "ShdPnd"} {
		pending, _ := strconv.ParseUint(statusField(tid, field), 16, 64)
		if pending&fatal != 0 {
			return true
		}
	}
	return false
}

// statusField reads one line of /proc/TID/status; "" when the thread is gone.
func statusField(tid int, name string) string {
	if tid == 0 {
		return ""
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err != nil {
		return ""
	}
	for line := range bytes.Lines(status) {
		if value, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}
