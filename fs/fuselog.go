package fs

import (
	"bytes"
	"context"
	"log/slog"
	"syscall"
)

// fuseLog takes what go-fuse has to say into the mount's log.
type fuseLog struct {
	log   *slog.Logger
	debug bool // it says every request, and nothing tells these lines from others
}

func (l fuseLog) Write(line []byte) (int, error) {
	level := slog.LevelWarn
	if l.debug {
		level = slog.LevelInfo
	} else if bytes.Contains(line, []byte(syscall.ECONNABORTED.Error())) {
		level = slog.LevelDebug // a request that the kernel gave up while the mount ended; ENODEV, which it says at other times, go-fuse knows
	}
	l.log.Log(context.Background(), level, string(bytes.TrimSpace(line)))
	return len(line), nil
}
