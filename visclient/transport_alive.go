//go:build unix

package visclient

import "syscall"

// isAlive reports whether a connection from the pool can be used: the server has neither
// closed it nor sent what nobody asked for.
func (c *conn) isAlive() bool {
	if c.raw == nil {
		return true
	}
	quiet := false
	err := c.raw.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		quiet = err == syscall.EAGAIN || err == syscall.EINTR
		return true
	})
	return err == nil && quiet
}
