//go:build linux

package integration

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// terminal is a program in a terminal of tmux, which a test sees as a user does.
type terminal struct {
	t      *testing.T
	socket string
}

// startTerminal runs a command line of a shell in a terminal of some columns and rows.
func startTerminal(t *testing.T, columns, rows int, command string) *terminal {
	t.Helper()
	dir, err := os.MkdirTemp("", "visorfs-tmux-") // short: a socket's path has 107 bytes
	if err != nil {
		t.Fatal(err)
	}
	m := &terminal{t, dir + "/socket"}
	t.Cleanup(func() {
		_ = try(t, "tmux", "-S", m.socket, "kill-server")
		_ = os.RemoveAll(dir)
	})
	lookAtSources()
	tool(t, "tmux", "-u", "-S", m.socket, "-f", "/dev/null", "new-session", "-d", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows),
		"env", "LC_ALL=C.UTF-8", "GORACE=atexit_sleep_ms=10", "VISOR_ACCESS_KEY="+accessKey, "VISOR_SECRET_KEY="+secretKey, "sh", "-c", command)
	return m
}

// screen returns what the terminal shows; nothing when its program has ended.
func (m *terminal) screen() string {
	m.t.Helper()
	return try(m.t, "tmux", "-S", m.socket, "capture-pane", "-p").stdout
}

// shows waits until the terminal shows all of some words at once.
func (m *terminal) shows(words ...string) {
	m.t.Helper()
	var screen string
	eventually(m.t, "the terminal shows "+strings.Join(words, ", "), func() bool {
		screen = m.screen()
		for _, word := range words {
			if !strings.Contains(screen, word) {
				return false
			}
		}
		return true
	})
	if m.t.Failed() {
		m.t.Fatalf("it shows:\n%s", screen)
	}
}

func (m *terminal) keys(keys ...string) {
	m.t.Helper()
	tool(m.t, "tmux", append([]string{"-S", m.socket, "send-keys"}, keys...)...)
}

func (m *terminal) resize(columns, rows int) {
	m.t.Helper()
	tool(m.t, "tmux", "-S", m.socket, "resize-window", "-x", strconv.Itoa(columns), "-y", strconv.Itoa(rows))
}

// ends waits for the end of the program.
func (m *terminal) ends() {
	m.t.Helper()
	eventually(m.t, "the program in the terminal ends", func() bool {
		return try(m.t, "tmux", "-S", m.socket, "has-session").code != 0
	})
}
