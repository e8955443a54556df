package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	iofs "io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/visorfs/visorfs/fs"
)

// A mount listens on a socket for those who watch it. Who connects sends a line with the time
// between two frames, like "1s", and gets the statistics, as JSON, in a line now and after
// each such time, until one of the two closes the connection.

// Bounds of the time between two frames.
const (
	shortestFrame = 50 * time.Millisecond
	longestFrame  = time.Minute
)

// statsSocket is a mount's. Nil is none.
type statsSocket struct {
	mount    *fs.Mount
	listener net.Listener
	life     context.Context // of connections
	end      context.CancelFunc
}

// openStatsSocket listens for who watches a mount. A mount that nobody can watch is one all
// the same: then it returns nil.
func openStatsSocket(mount *fs.Mount, log *slog.Logger) *statsSocket {
	listener, err := listenStats(mount.Stats().Mountpoint)
	if err != nil {
		log.Info("visorfs top cannot watch this mount: " + err.Error())
		return nil
	}
	s := &statsSocket{mount: mount, listener: listener}
	s.life, s.end = context.WithCancel(context.Background())
	go s.accept()
	return s
}

// listenStats takes the place of a socket that a killed mount has left: there is one mount
// on a directory at a time.
func listenStats(mountpoint string) (net.Listener, error) {
	dir, err := runtimeDir()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return nil, err
	case !info.IsDir() || info.Mode().Perm()&0o077 != 0 || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Geteuid()):
		return nil, fmt.Errorf("%s is not a directory of this user alone (chmod 700)", dir)
	}
	path := filepath.Join(dir, socketName(mountpoint))
	if err := os.Remove(path); err != nil && !errors.Is(err, iofs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	return listener, os.Chmod(path, 0o600)
}

// runtimeDir is where a user's programs have their sockets; that of root is the system's.
func runtimeDir() (string, error) {
	if os.Geteuid() == 0 {
		return "/run/visorfs", nil
	}
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if !filepath.IsAbs(dir) {
		return "", errors.New("XDG_RUNTIME_DIR names no directory for its socket")
	}
	return filepath.Join(dir, "visorfs"), nil
}

// socketName is short, whatever the mountpoint: the path of a socket has 107 bytes.
func socketName(mountpoint string) string {
	sum := sha256.Sum256([]byte(mountpoint))
	return hex.EncodeToString(sum[:8]) + ".sock"
}

func (s *statsSocket) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		go s.stream(conn)
	}
}

// stream sends frames until that fails, or the mount ends.
func (s *statsSocket) stream(conn net.Conn) {
	const patience = 10 * time.Second // with who asks for nothing, or takes nothing
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(s.life, func() { _ = conn.Close() })()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	line, err := bufio.NewReaderSize(conn, 64).ReadString('\n')
	if err != nil {
		return
	}
	every, err := time.ParseDuration(strings.TrimSpace(line))
	if err != nil {
		return
	}
	ticker := time.NewTicker(min(max(every, shortestFrame), longestFrame))
	defer ticker.Stop()
	for out := json.NewEncoder(conn); ; {
		_ = conn.SetWriteDeadline(time.Now().Add(patience))
		if out.Encode(s.mount.Stats()) != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-s.life.Done():
			return
		}
	}
}

// close ends the socket, removes it, and ends those who watch.
func (s *statsSocket) close() {
	if s != nil {
		_ = s.listener.Close()
		s.end()
	}
}
