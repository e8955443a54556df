//go:build !unix

package visclient

// isAlive cannot tell here. A request that may be sent twice is, if it has to.
func (c *conn) isAlive() bool { return true }
